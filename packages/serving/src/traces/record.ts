import type { ChainInterner } from "./intern.ts";

/** A request as a line of a log gives it. */
export interface ParsedRequest {
  /** On the log's own clock. */
  readonly timeMs: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Null where the line does not say what it shares. */
  readonly blocks: Uint32Array | null;
}

export interface ReaderContext {
  readonly blockSize: number;
  readonly interner: ChainInterner;
}

/** Reads one line of a log. @throws LineError */
export type RecordReader = (text: string, context: ReaderContext) => ParsedRequest;
