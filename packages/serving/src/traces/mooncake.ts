import { jsonObject, LineError, show, wholeNumber } from "./fields.ts";
import type { ParsedRequest, RecordReader } from "./record.ts";

/**
 * Mooncake's traces (FAST'25 release): `{"timestamp": ms, "input_length": …, "output_length": …, "hash_ids": […]}` a line,
 * an id for each block of the prompt, the last one partial. Without hash_ids nothing is known of sharing.
 */
export const mooncakeReader: RecordReader = (text, { blockSize, interner }): ParsedRequest => {
  const line = jsonObject(text);
  const { timestamp, hash_ids: hashes } = line;
  if (typeof timestamp !== "number" || !Number.isFinite(timestamp) || timestamp < 0)
    throw new LineError(`timestamp is ${show(timestamp)}, expected ms from 0`);
  const inputTokens = wholeNumber("input_length", line["input_length"], 1);
  const outputTokens = wholeNumber("output_length", line["output_length"], 1);
  const count = Math.ceil(inputTokens / blockSize);
  if (hashes === undefined) return { timeMs: timestamp, inputTokens, outputTokens, blocks: null };
  if (!Array.isArray(hashes)) throw new LineError(`hash_ids is ${show(hashes)}, expected a list`);
  if (hashes.length !== count) {
    const fits = fittingBlockSize(inputTokens, hashes.length);
    throw new LineError(
      `hash_ids has ${hashes.length} ids for input_length ${inputTokens}: blocks of ${blockSize} tokens make ${count}${fits}`,
    );
  }
  for (const id of hashes) {
    if (!(typeof id === "string" || (Number.isSafeInteger(id) && id >= 0)))
      throw new LineError(`hash_ids holds ${show(id)}, expected whole numbers from 0, or strings`);
  }
  const blocks = new Uint32Array(count);
  let parent = -1;
  for (let i = 0; i < count; i++) {
    parent = interner.intern(parent, hashes[i] as string | number);
    blocks[i] = parent;
  }
  return { timeMs: timestamp, inputTokens, outputTokens, blocks };
};

function fittingBlockSize(tokens: number, ids: number): string {
  const fits = [16, 32, 64, 128, 256, 512, 1024, 2048].filter((size) => Math.ceil(tokens / size) === ids);
  return fits.length > 0 ? `; --block-size ${fits.join(" or ")} would fit` : "";
}
