import { createHash } from "node:crypto";
import { basename } from "node:path";
import { azureReader, isAzureHeader } from "./azure.ts";
import { TraceError } from "./errors.ts";
import { jsonObject, LineError, show } from "./fields.ts";
import { createInterner } from "./intern.ts";
import { readLines } from "./lines.ts";
import { mooncakeReader } from "./mooncake.ts";
import { openaiReader } from "./openai.ts";
import type { ParsedRequest, RecordReader } from "./record.ts";
import type { Trace, TraceInfo, TraceRequest } from "./types.ts";

export type LogFormat = Exclude<TraceInfo["format"], "generated">;

export interface ReadOptions {
  /** Default: told from the first line. */
  readonly format?: LogFormat;
  /** Tokens of a block. Default 512. */
  readonly blockSize?: number;
  /** Skip and count lines that cannot be used, instead of stopping at the first. */
  readonly lenient?: boolean;
  /** Sort by time what is out of order, as logs that are written when answers end. Without, going back is an error. */
  readonly sort?: boolean;
  /** Requests to read at most. */
  readonly limit?: number;
  /** Told of each line that `lenient` skips. */
  readonly onSkip?: (message: string) => void;
  /** Told of the number of requests read so far, every 10,000. */
  readonly onProgress?: (requests: number) => void;
}

/** Skipped lines in a row, from the first line on, after which a file is held to be of another kind even with `lenient`. */
const hopeless = 100;

/**
 * Reads a request log: Mooncake's JSON lines, Azure's CSV, or JSON lines of OpenAI's API; plain, .gz or .zst. The first
 * arrival becomes 0, except in Mooncake's, whose clock starts with the trace.
 * @throws TraceError that names file, line and field, and what was expected there.
 */
export async function readTrace(path: string, options: ReadOptions = {}): Promise<Trace> {
  const { blockSize = 512, lenient = false, sort = false, limit = Number.POSITIVE_INFINITY, onSkip } = options;
  if (!Number.isSafeInteger(blockSize) || blockSize < 1)
    throw new TraceError(`block size is ${blockSize}, expected a whole number from 1`);
  const hash = createHash("sha256");
  const interner = createInterner();
  const records: ParsedRequest[] = [];
  let kind: { format: LogFormat; read: RecordReader; header: boolean } | null = null;
  let [skipped, latest] = [0, Number.NEGATIVE_INFINITY];
  let sharing = false;
  for await (const { number, text } of readLines(path, hash)) {
    if (kind === null) {
      kind = recognize(path, number, text, options.format);
      if (kind.header) continue;
    }
    // Read on to the end all the same: the hash is the whole file's.
    if (records.length >= limit) continue;
    try {
      const record = kind.read(text, { blockSize, interner });
      if (record.timeMs < latest && !sort) {
        const back = ((latest - record.timeMs) / 1000).toFixed(3);
        throw new LineError(`time goes back by ${back} s; --sort puts a log in order`);
      }
      latest = Math.max(latest, record.timeMs);
      sharing ||= record.blocks !== null;
      records.push(record);
      if (records.length % 10_000 === 0) options.onProgress?.(records.length);
    } catch (error) {
      if (!(error instanceof LineError)) throw error;
      // Of a file of another kind the reader should know what it was taken for.
      const told = records.length === 0 && options.format === undefined ? `, read as ${kind.format}` : "";
      const message = `${path}, line ${number}${told}: ${error.message}`;
      if (!lenient) throw new TraceError(message);
      skipped++;
      onSkip?.(message);
      if (records.length === 0 && skipped >= hopeless)
        throw new TraceError(`${message}\nnone of the first ${skipped} lines could be used as ${kind.format}`);
    }
  }
  if (records.length === 0)
    throw new TraceError(`${path} holds no request${skipped > 0 ? `: all ${skipped} lines were skipped` : ""}`);
  const ordered = sort ? records.toSorted((a, b) => a.timeMs - b.timeMs) : records;
  const start = kind?.format === "mooncake" ? 0 : ordered[0].timeMs;
  const requests = ordered.map(({ timeMs, inputTokens, outputTokens, blocks }, id): TraceRequest => {
    const own = () => Uint32Array.from({ length: Math.ceil(inputTokens / blockSize) }, interner.fresh);
    return { id, arrivalMs: timeMs - start, inputTokens, outputTokens, blocks: blocks ?? own() };
  });
  return {
    info: {
      name: basename(path),
      format: kind?.format ?? "mooncake",
      sha256: hash.digest("hex"),
      blockSize,
      requests: requests.length,
      spanMs: requests[requests.length - 1].arrivalMs,
      blockIds: interner.size,
      sharing,
      skippedLines: skipped,
      changes: [...(sort ? ["sorted by time"] : []), ...(records.length === limit ? [`first ${limit} requests`] : [])],
    },
    requests,
  };
}

function recognize(path: string, number: number, text: string, given?: LogFormat) {
  const azure = isAzureHeader(text);
  if (azure && (given ?? "azure") === "azure") {
    return { format: "azure" as const, read: azureReader(text), header: true };
  }
  if (given === "azure")
    throw new TraceError(
      `${path}, line ${number}: ${show(text)}, expected the head TIMESTAMP,ContextTokens,GeneratedTokens`,
    );
  const readers = { mooncake: mooncakeReader, openai: openaiReader };
  if (given) return { format: given, read: readers[given], header: false };
  let first: Record<string, unknown> | null = null;
  try {
    first = jsonObject(text.replace(/^\uFEFF/, ""));
  } catch {}
  if (first === null)
    throw new TraceError(
      `${path}, line ${number}: ${show(text)} is no format that is known. There are Mooncake's JSON lines ({"timestamp": …, "input_length": …, "output_length": …, "hash_ids": …}), Azure's CSV (TIMESTAMP,ContextTokens,GeneratedTokens), and JSON lines of OpenAI's API ({"created": …, "usage": …}); --format names one`,
    );
  const format = "input_length" in first || "hash_ids" in first ? ("mooncake" as const) : ("openai" as const);
  return { format, read: readers[format], header: false };
}
