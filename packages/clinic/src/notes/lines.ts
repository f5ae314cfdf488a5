import { StringDecoder } from "node:string_decoder";

/** One line of a file; `text` is undefined where the line is longer than the limit. */
export interface Line {
  /** From 1. */
  readonly number: number;
  readonly text: string | undefined;
}

/**
 * Splits a stream of bytes (UTF-8) into lines, holding one line at a time. A line of more than `limit` characters is passed over,
 * not kept.
 */
export async function* readLines(stream: AsyncIterable<Uint8Array>, limit: number): AsyncGenerator<Line> {
  const decoder = new StringDecoder("utf8");
  let number = 1;
  let pieces: string[] = [];
  let length = 0;
  let started = false;
  const add = (piece: string): void => {
    length += piece.length;
    if (length <= limit) pieces.push(piece);
    else pieces = [];
  };
  const take = (): Line => {
    const text = length > limit ? undefined : pieces.join("").replace(/\r$/, "");
    pieces = [];
    length = 0;
    return { number: number++, text };
  };
  for await (const chunk of stream) {
    let text = decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    // A byte order mark is no part of the first line.
    if (!started && text.length > 0) {
      started = true;
      if (text.charCodeAt(0) === 0xfeff) text = text.slice(1);
    }
    let from = 0;
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", from)) {
      add(text.slice(from, at));
      from = at + 1;
      yield take();
    }
    add(text.slice(from));
  }
  add(decoder.end());
  if (length > 0) yield take();
}
