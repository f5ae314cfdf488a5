import type { Trace, TraceRequest } from "./types.ts";

/** A request as a line of Mooncake's traces, without the line's end: times in whole ms, lengths and ids, nothing else. */
export function mooncakeLine({ arrivalMs, inputTokens, outputTokens, blocks }: TraceRequest): string {
  return `{"timestamp": ${Math.round(arrivalMs)}, "input_length": ${inputTokens}, "output_length": ${outputTokens}, "hash_ids": [${blocks.join(", ")}]}`;
}

/** A whole trace as Mooncake's JSON lines, in pieces of about 1 MiB: for files that do not fit into memory. */
export function* mooncakeLines({ requests }: Trace): Generator<string, undefined> {
  let piece = "";
  for (const request of requests) {
    piece += `${mooncakeLine(request)}\n`;
    if (piece.length >= 2 ** 20) {
      yield piece;
      piece = "";
    }
  }
  if (piece !== "") yield piece;
}
