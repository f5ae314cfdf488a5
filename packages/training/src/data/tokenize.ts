import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { isProcessAlive } from "../runfiles/process.ts";
import { type Corpus, startProgress } from "./corpus.ts";
import type { TextTokenizer, TokenCacheMeta, TokenCacheOptions } from "./token-cache.ts";

/** Version of the files of a token cache. */
export const cacheVersion = 1;

/**
 * Tokenizes a corpus into `path`: tokens.bin (u16 or u32, little endian), documents.bin (u32 pairs: tokens, UTF-8 bytes),
 * meta.json. Written beside and renamed at the end. Memory holds one document at a time.
 */
export async function buildTokenCache(
  path: string,
  key: string,
  corpus: Corpus,
  tokenizer: TextTokenizer,
  { onProgress }: TokenCacheOptions,
): Promise<void> {
  removeAbandoned(path);
  const building = `${path}.building-${process.pid}`;
  rmSync(building, { recursive: true, force: true });
  mkdirSync(building);
  try {
    const dtype = tokenizer.vocabSize <= 1 << 16 ? "u16" : "u32";
    const tokenFile = binaryWriter(join(building, "tokens.bin"), dtype);
    const documentFile = binaryWriter(join(building, "documents.bin"), "u32");
    const progress = startProgress();
    let [tokens, bytes, reported] = [0, 0, 0];
    const report = () =>
      onProgress?.({ bytesRead: progress.bytesRead, size: corpus.size, documents: progress.documents, tokens });
    try {
      for await (const text of corpus.documents(progress)) {
        const ids = tokenizer.encode(text);
        checkIds(ids, tokenizer.vocabSize, progress.documents);
        const textBytes = Buffer.byteLength(text);
        tokenFile.write([tokenizer.bosId]);
        tokenFile.write(ids);
        tokenFile.write([tokenizer.eosId]);
        documentFile.write([ids.length + 2, textBytes]);
        tokens += ids.length + 2;
        bytes += textBytes;
        if (performance.now() - reported > 200) {
          reported = performance.now();
          report();
          // Encoding is synchronous: without this a Ctrl-C would wait for the end of the file.
          await new Promise((resume) => setImmediate(resume));
        }
      }
    } finally {
      tokenFile.close();
      documentFile.close();
    }
    const meta: TokenCacheMeta = {
      version: cacheVersion,
      key,
      tokens,
      documents: progress.documents,
      bytes,
      dtype,
      bosId: tokenizer.bosId,
      eosId: tokenizer.eosId,
      replaced: progress.replaced,
    };
    writeFileSync(join(building, "meta.json"), `${JSON.stringify(meta, null, 2)}\n`, { flush: true });
    rmSync(path, { recursive: true, force: true });
    renameSync(building, path);
    report();
  } catch (error) {
    rmSync(building, { recursive: true, force: true });
    throw error;
  }
}

/** Directories that a process which is gone left half-built. */
function removeAbandoned(path: string): void {
  const prefix = `${basename(path)}.building-`;
  for (const name of readdirSync(dirname(path))) {
    if (name.startsWith(prefix) && !isProcessAlive(Number(name.slice(prefix.length)))) {
      rmSync(join(dirname(path), name), { recursive: true, force: true });
    }
  }
}

function checkIds(ids: ArrayLike<number>, vocabSize: number, document: number): void {
  for (let i = 0; i < ids.length; i++) {
    if (!(ids[i] >= 0 && ids[i] < vocabSize)) {
      throw new RangeError(
        `tokenize: id ${ids[i]} in document ${document}, but the vocabulary has ${vocabSize} entries`,
      );
    }
  }
}

/** Numbers to a file through a fixed buffer. */
function binaryWriter(path: string, dtype: "u16" | "u32"): { write(values: ArrayLike<number>): void; close(): void } {
  const file = openSync(path, "w");
  const width = dtype === "u16" ? 2 : 4;
  const buffer = Buffer.alloc(1 << 20);
  let used = 0;
  const flush = () => {
    for (let done = 0; done < used; ) done += writeSync(file, buffer, done, used - done);
    used = 0;
  };
  return {
    write(values) {
      for (let i = 0; i < values.length; i++) {
        if (used === buffer.length) flush();
        if (width === 2) buffer.writeUInt16LE(values[i], used);
        else buffer.writeUInt32LE(values[i], used);
        used += width;
      }
    },
    close() {
      try {
        flush();
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
    },
  };
}
