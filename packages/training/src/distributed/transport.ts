/** What the ranks are in the middle of. Its index travels with each message: two ranks in different calls are told. */
export const operations = [
  "allReduce",
  "reduceScatter",
  "allGather",
  "broadcast",
  "allToAll",
  "barrier",
  "rollCall",
] as const;
export type Operation = (typeof operations)[number];

/** One round in which every rank may send up to `capacity` bytes to every other. */
export interface Exchange {
  readonly operation: Operation;
  /** Elements of the whole collective, to notice ranks that disagree. */
  readonly count: number;
}

/**
 * Moves bytes between the ranks of a CPU run; the collectives are written once on top of it. An exchange: fill `outgoing(p)`, call
 * `exchange`, read `incoming(p)`, which holds until the next `outgoing`.
 */
export interface Transport {
  readonly rank: number;
  readonly size: number;
  /** Most bytes from one rank to another in one exchange, a multiple of 64. */
  readonly capacity: number;
  /** Room for what goes to rank p next, at a multiple of 64 bytes. */
  outgoing(peer: number): Region;
  /** Holds the thread up until every rank has sent. `bytes[p]` of `outgoing(p)` go to p. @throws RankError */
  exchange(call: Exchange, bytes: readonly number[]): void;
  /** An exchange of nothing that leaves the thread free. */
  meet(call: Exchange, limitSeconds?: number): Promise<void>;
  /** What rank p sent in the last exchange. */
  incoming(peer: number): Region;
  abort(reason: string): void;
  close(): Promise<void>;
}

/** Bytes within a buffer. */
export interface Region {
  readonly buffer: ArrayBufferLike;
  readonly byteOffset: number;
}

/** `allGather of 4096` */
export function describeExchange({ operation, count }: Exchange): string {
  return operation === "barrier" || operation === "rollCall" ? operation : `${operation} of ${count}`;
}
