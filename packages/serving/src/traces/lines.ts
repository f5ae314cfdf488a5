import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { StringDecoder } from "node:string_decoder";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { TraceError } from "./errors.ts";

/** A line of a file, without its end. */
export interface Line {
  /** From 1. */
  readonly number: number;
  readonly text: string;
}

/** No line of a log is longer: a file without line ends is something else. */
const longestLine = 64 * 2 ** 20;

/**
 * The lines of a file, one after another, .gz and .zst unpacked; empty ones are left out but counted. `hash` gets the
 * file's bytes as they are on disk.
 * @throws TraceError if the file cannot be read or unpacked, or a line is longer than 64 MiB.
 */
export async function* readLines(path: string, hash: Hash = createHash("sha256")): AsyncGenerator<Line, undefined> {
  const file = createReadStream(path, { highWaterMark: 2 ** 20 });
  const hashed = new Transform({
    transform(chunk: Buffer, _, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  const unpack = path.endsWith(".gz") ? createGunzip() : path.endsWith(".zst") ? createZstdDecompress() : null;
  const last = unpack ?? hashed;
  const done = unpack ? pipeline(file, hashed, unpack) : pipeline(file, hashed);
  // Its failure ends the loop below; without a handler it would end the process.
  done.catch(() => {});
  const decoder = new StringDecoder("utf8");
  let rest = "";
  let number = 0;
  try {
    for await (const chunk of last) {
      const lines = (rest + decoder.write(chunk as Buffer)).split("\n");
      rest = lines.pop() ?? "";
      if (rest.length > longestLine)
        throw new TraceError(`${path}, line ${number + lines.length + 1} is longer than 64 MiB: this is not a log`);
      for (const text of lines) {
        number++;
        if (text.trim() !== "") yield { number, text: text.endsWith("\r") ? text.slice(0, -1) : text };
      }
    }
    rest += decoder.end();
    if (rest.trim() !== "") yield { number: number + 1, text: rest };
  } catch (error) {
    if (error instanceof TraceError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") throw new TraceError(`${path}: there is no such file`);
    if (code === "EISDIR") throw new TraceError(`${path} is a directory, expected a file`);
    throw new TraceError(`${path} cannot be read: ${message}`);
  } finally {
    file.destroy();
  }
}
