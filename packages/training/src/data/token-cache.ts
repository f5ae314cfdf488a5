import { createHash } from "node:crypto";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Corpus } from "./corpus.ts";
import { buildTokenCache, cacheVersion } from "./tokenize.ts";

/** What the cache needs of a tokenizer. */
export interface TextTokenizer {
  encode(text: string): ArrayLike<number>;
  readonly bosId: number;
  readonly eosId: number;
  readonly vocabSize: number;
  /** Names the vocabulary and the rules: another hash is another cache. */
  readonly hash: string;
}

/** What meta.json of a token cache says. */
export interface TokenCacheMeta {
  readonly version: number;
  readonly key: string;
  readonly tokens: number;
  readonly documents: number;
  /** UTF-8 bytes of the text of all documents. */
  readonly bytes: number;
  readonly dtype: "u16" | "u32";
  readonly bosId: number;
  readonly eosId: number;
  /** Characters that stand in the place of bytes that were no UTF-8. */
  readonly replaced: number;
}

/** Tokens of a corpus on disk: every document as BOS, its tokens, EOS, one after another. */
export interface TokenCache extends Disposable {
  readonly meta: TokenCacheMeta;
  /** Where each document starts, and the end: documents + 1 numbers. */
  readonly offsets: Float64Array;
  /** UTF-8 bytes of each document. */
  readonly documentBytes: Uint32Array;
  /** Tokens start … start + into.length. @throws RangeError outside of the cache. */
  read(start: number, into: Int32Array): void;
}

/** Progress of the tokenization. */
export interface TokenizeProgress {
  /** Bytes read from disk, of `size`. */
  readonly bytesRead: number;
  readonly size: number;
  readonly documents: number;
  readonly tokens: number;
}

export interface TokenCacheOptions {
  /** Called a few times a second, and at the end. */
  readonly onProgress?: (progress: TokenizeProgress) => void;
}

/**
 * Opens the tokens of a corpus under `directory`, tokenizing first where they are not there yet. The cache is named by the
 * corpus (paths, sizes, times of change, options) and the tokenizer's hash; it appears under its name only when complete,
 * so that an interrupted build is made again from the start.
 * @throws CorpusError as {@link Corpus.documents}; RangeError where the tokenizer gives ids outside of its vocabulary.
 */
export async function openTokenCache(
  directory: string,
  corpus: Corpus,
  tokenizer: TextTokenizer,
  options: TokenCacheOptions = {},
): Promise<TokenCache> {
  const key = cacheKey(corpus, tokenizer);
  const path = join(directory, key);
  const cached = openExisting(path, key);
  if (cached) return cached;
  mkdirSync(directory, { recursive: true });
  await buildTokenCache(path, key, corpus, tokenizer, options);
  const built = openExisting(path, key);
  if (!built) throw new Error(`token cache: ${path} cannot be read back after it was written; is the disk full?`);
  return built;
}

/** The name of the cache: 16 bytes of SHA-256 in hex. */
export function cacheKey(corpus: Corpus, tokenizer: TextTokenizer): string {
  const identity = {
    version: cacheVersion,
    files: corpus.files.map(({ path, size, mtimeMs, format, compression }) => [
      path,
      size,
      mtimeMs,
      format,
      compression,
    ]),
    options: corpus.options,
    tokenizer: [tokenizer.hash, tokenizer.vocabSize, tokenizer.bosId, tokenizer.eosId],
  };
  return createHash("sha256").update(JSON.stringify(identity)).digest("hex").slice(0, 32);
}

function openExisting(path: string, key: string): TokenCache | null {
  const metaPath = join(path, "meta.json");
  if (!existsSync(metaPath)) return null;
  let meta: TokenCacheMeta;
  try {
    meta = JSON.parse(readFileSync(metaPath, "utf8")) as TokenCacheMeta;
  } catch {
    return null;
  }
  const width = meta.dtype === "u16" ? 2 : 4;
  const size = (name: string) => statSync(join(path, name), { throwIfNoEntry: false })?.size;
  if (meta.version !== cacheVersion || meta.key !== key) return null;
  if (size("tokens.bin") !== meta.tokens * width || size("documents.bin") !== meta.documents * 8) return null;

  const lengths = readFileSync(join(path, "documents.bin"));
  const offsets = new Float64Array(meta.documents + 1);
  const documentBytes = new Uint32Array(meta.documents);
  for (let i = 0; i < meta.documents; i++) {
    offsets[i + 1] = offsets[i] + lengths.readUInt32LE(i * 8);
    documentBytes[i] = lengths.readUInt32LE(i * 8 + 4);
  }
  if (offsets[meta.documents] !== meta.tokens) return null;

  const file = openSync(join(path, "tokens.bin"), "r");
  let open = true;
  return {
    meta,
    offsets,
    documentBytes,
    read(start, into) {
      if (!open) throw new Error("token cache: read after it was closed");
      if (start < 0 || start + into.length > meta.tokens) {
        throw new RangeError(`token cache: tokens ${start} … ${start + into.length} of ${meta.tokens}`);
      }
      readTokens(file, start, into, width);
    },
    [Symbol.dispose]() {
      if (open) closeSync(file);
      open = false;
    },
  };
}

function readTokens(file: number, start: number, into: Int32Array, width: 2 | 4): void {
  const bytes = Buffer.allocUnsafe(into.length * width);
  for (let done = 0; done < bytes.length; ) {
    const got = readSync(file, bytes, done, bytes.length - done, start * width + done);
    if (got === 0) throw new Error("token cache: tokens.bin became shorter while it was open");
    done += got;
  }
  for (let i = 0; i < into.length; i++) into[i] = width === 2 ? bytes.readUInt16LE(i * 2) : bytes.readUInt32LE(i * 4);
}
