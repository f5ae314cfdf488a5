import { closeSync, existsSync, fsyncSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";
import type { MetricsRecord } from "./records.ts";

/** Appends records to a metrics file. Each is written at once, as one line. */
export interface MetricsWriter extends Disposable {
  /** @throws RangeError where the step is smaller than the one before. */
  write(record: MetricsRecord): void;
  /** Waits until all lines are on the disk: before a checkpoint. */
  sync(): void;
  close(): void;
}

/**
 * Opens a metrics file for a run that has taken `step` steps: 0 for a new one, the checkpoint's for a resumed one. Records of
 * later steps, which the resumed run will write again, are cut off, and with them a line that a crash left half-written.
 * @throws Error for a malformed line, with its number.
 */
export function openMetrics(path: string, step = 0): MetricsWriter {
  const exists = existsSync(path);
  const file = openSync(path, exists ? "r+" : "w+");
  let last = -1;
  let end = 0;
  try {
    for (const { record, end: lineEnd } of step > 0 ? records(path, file) : []) {
      if (record.step > step) break;
      last = record.step;
      end = lineEnd;
    }
    ftruncateSync(file, end);
  } catch (error) {
    closeSync(file);
    throw error;
  }
  let open = true;
  const writer: MetricsWriter = {
    write(record) {
      if (!open) throw new Error(`metrics: ${path} is closed`);
      if (!(Number.isInteger(record.step) && record.step >= Math.max(last, 0))) {
        throw new RangeError(`metrics: step ${record.step} after step ${last}`);
      }
      const line = Buffer.from(`${JSON.stringify(record)}\n`);
      try {
        for (let done = 0; done < line.length; ) done += writeSync(file, line, done, line.length - done, end + done);
      } catch (error) {
        // A disk that is full in the middle of a line: the file ends with the line before.
        ftruncateSync(file, end);
        throw error;
      }
      end += line.length;
      last = record.step;
    },
    sync: () => fsyncSync(file),
    close() {
      if (open) closeSync(file);
      open = false;
    },
    [Symbol.dispose]: () => writer.close(),
  };
  return writer;
}

/**
 * Reads a metrics file, while it is being written too: a last line without its end is left out.
 * @throws Error for a malformed line, with its number.
 */
export function readMetrics(path: string): MetricsRecord[] {
  const file = openSync(path, "r");
  try {
    return Array.from(records(path, file), ({ record }) => record);
  } finally {
    closeSync(file);
  }
}

function* records(path: string, file: number): Generator<{ record: MetricsRecord; end: number }> {
  let number = 0;
  for (const { text, end } of lines(file)) {
    number++;
    if (text.trim() === "") continue;
    yield { record: parse(text, `${path}:${number}`), end };
  }
}

function parse(text: string, where: string): MetricsRecord {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`metrics: ${where}: malformed line (${(error as Error).message}); remove it or restore the file`);
  }
  const step = (value as MetricsRecord | null)?.step;
  if (typeof step !== "number" || !Number.isInteger(step) || step < 0) {
    throw new Error(`metrics: ${where}: a record needs "step", a count of optimizer steps`);
  }
  return value as MetricsRecord;
}

/** Complete lines of a file with the offset behind each. */
function* lines(file: number): Generator<{ text: string; end: number }> {
  const chunk = Buffer.allocUnsafe(1 << 16);
  let pending = Buffer.alloc(0);
  let offset = 0;
  for (
    let got = readSync(file, chunk, 0, chunk.length, 0);
    got > 0;
    got = readSync(file, chunk, 0, chunk.length, offset + pending.length)
  ) {
    const bytes = Buffer.concat([pending, chunk.subarray(0, got)]);
    let start = 0;
    for (let newline = bytes.indexOf(10); newline >= 0; newline = bytes.indexOf(10, start)) {
      yield { text: bytes.toString("utf8", start, newline), end: offset + newline + 1 };
      start = newline + 1;
    }
    pending = bytes.subarray(start);
    offset += start;
  }
}
