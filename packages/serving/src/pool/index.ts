export { createPool } from "./pool.ts";
export type { EvictionName, KvPool, PoolListener, PoolOptions } from "./types.ts";
