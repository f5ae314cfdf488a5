export type { Trace, TraceInfo, TraceRequest } from "./types.ts";
