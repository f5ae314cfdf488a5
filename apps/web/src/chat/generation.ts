import { Problem } from "../api/problem.ts";
import type { Delta, Token } from "../api/types.ts";
import { createAligner } from "../text/align.ts";
import type { Piece } from "../text/pieces.ts";

/** Where a generation stands. Times in seconds. */
export interface Progress {
  readonly state: "waiting" | "streaming" | "done" | "stopped" | "failed";
  readonly pieces: readonly Piece[];
  readonly tokens: readonly Token[];
  readonly promptTokens?: number;
  /** Tokens that were generated: the server's count, once it is told. */
  readonly completionTokens: number;
  readonly timeToFirstToken?: number;
  /** Tokens after the first, by the time since it came. */
  readonly tokensPerSecond?: number;
  readonly finish?: string;
  readonly problem?: Problem;
}

/** The progress of a generation before anything came. */
export const waiting: Progress = { state: "waiting", pieces: [], tokens: [], completionTokens: 0 };

/**
 * Follows a stream to its end and tells of each step. Never throws: an abort ends in `stopped`, anything else in `failed`.
 *
 * @param clock - milliseconds
 */
export async function followStream(
  open: (signal: AbortSignal) => AsyncIterable<Delta>,
  signal: AbortSignal,
  onProgress: (progress: Progress) => void,
  clock: () => number = () => performance.now(),
): Promise<Progress> {
  const start = clock();
  const aligner = createAligner();
  const tokens: Token[] = [];
  let progress = waiting;
  let first: number | undefined;
  let counted = 0;
  const tell = (change: Partial<Progress>) => {
    progress = { ...progress, ...change };
    onProgress(progress);
  };
  tell({});
  try {
    for await (const delta of open(signal)) {
      const arrived = delta.tokens.length || (delta.text === "" ? 0 : 1);
      aligner.push(delta.text, delta.tokens);
      tokens.push(...delta.tokens);
      const now = clock();
      if (arrived > 0) first ??= now;
      counted += arrived;
      const seconds = first === undefined ? 0 : (now - first) / 1000;
      tell({
        state: first === undefined ? "waiting" : "streaming",
        pieces: aligner.pieces(),
        tokens,
        completionTokens: delta.usage?.completionTokens ?? counted,
        ...(delta.usage ? { promptTokens: delta.usage.promptTokens } : {}),
        ...(first === undefined ? {} : { timeToFirstToken: (first - start) / 1000 }),
        ...(arrived > 0 && counted > 1 && seconds > 0 ? { tokensPerSecond: (counted - 1) / seconds } : {}),
        ...(delta.finish === undefined ? {} : { finish: delta.finish }),
      });
    }
    tell({ state: "done" });
  } catch (error) {
    if (signal.aborted) tell({ state: "stopped" });
    else tell({ state: "failed", problem: error instanceof Problem ? error : new Problem("malformed", String(error)) });
  }
  return progress;
}
