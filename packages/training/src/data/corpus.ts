import { createReadStream } from "node:fs";
import { pipeline } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { type DocumentSplitter, jsonlSplitter, textSplitter, wholeSplitter } from "./documents.ts";
import { CorpusError } from "./errors.ts";
import { type CorpusFile, resolveFiles } from "./files.ts";
import { utf8Decoder } from "./utf8.ts";

/** Options of {@link openCorpus}. */
export interface CorpusOptions {
  /** The field of a .jsonl line that holds the text. Default "text". */
  readonly field?: string;
  /** Longest document in UTF-16 units; longer ones are cut at a line end. Default 8 Mi. */
  readonly maxDocumentLength?: number;
}

/** What one pass over a corpus has met so far. */
export interface CorpusProgress {
  /** Bytes read from disk, of {@link Corpus.size}. */
  bytesRead: number;
  documents: number;
  /** Characters put in the place of bytes that are no UTF-8. */
  replaced: number;
}

/** Text to train on: documents that are read as a stream, as often as wanted, always in the same order. */
export interface Corpus {
  readonly files: readonly CorpusFile[];
  /** Bytes on disk of all files. */
  readonly size: number;
  /** The options that say how files are cut into documents: part of the corpus's identity. */
  readonly options: Required<CorpusOptions>;
  /**
   * One pass over all documents. `progress` is updated in place.
   * @throws CorpusError for a damaged archive, a malformed JSON line, UTF-16 text, and where there is no document at all.
   */
  documents(progress?: CorpusProgress): AsyncGenerator<string, void, undefined>;
}

/**
 * Opens a corpus: a path, a directory, a glob, or several of these. Reads .txt (documents separated by three newlines),
 * .md (one document), .jsonl (one document a line), each also packed as .gz or .zst. Nothing but names is read yet.
 *
 * @example
 * for await (const text of openCorpus("books/*.txt.zst").documents()) console.log(text.length);
 */
export function openCorpus(spec: string | readonly string[], options: CorpusOptions = {}): Corpus {
  const files = resolveFiles(spec);
  const { field = "text", maxDocumentLength = 8 << 20 } = options;
  const size = files.reduce((sum, file) => sum + file.size, 0);
  return {
    files,
    size,
    options: { field, maxDocumentLength },
    async *documents(progress = startProgress()) {
      for (const file of files) {
        for await (const text of fileDocuments(file, { field, maxDocumentLength }, progress)) {
          progress.documents++;
          yield text;
        }
      }
      if (progress.documents === 0) {
        const names = files.length === 1 ? files[0].path : `${files.length} files from ${files[0].path} on`;
        throw new CorpusError(`corpus: no text in ${names}`);
      }
    },
  };
}

/** A progress record for {@link Corpus.documents}. */
export function startProgress(): CorpusProgress {
  return { bytesRead: 0, documents: 0, replaced: 0 };
}

async function* fileDocuments(
  file: CorpusFile,
  options: Required<CorpusOptions>,
  progress: CorpusProgress,
): AsyncGenerator<string, void, undefined> {
  const decoder = utf8Decoder();
  const splitter = splitterFor(file, options);
  const replacedBefore = progress.replaced;
  let first = true;
  for await (const chunk of fileBytes(file, progress)) {
    if (first) refuseUtf16(chunk, file.path);
    first = false;
    yield* splitter.push(decoder.decode(chunk));
    progress.replaced = replacedBefore + decoder.replaced;
  }
  yield* splitter.push(decoder.end());
  progress.replaced = replacedBefore + decoder.replaced;
  yield* splitter.end();
}

function splitterFor(file: CorpusFile, { field, maxDocumentLength }: Required<CorpusOptions>): DocumentSplitter {
  if (file.format === "jsonl") return jsonlSplitter(file.path, field, maxDocumentLength);
  return file.format === "document" ? wholeSplitter(maxDocumentLength) : textSplitter(maxDocumentLength);
}

/** The unpacked bytes of a file, as a stream. */
async function* fileBytes(file: CorpusFile, progress: CorpusProgress): AsyncGenerator<Buffer, void, undefined> {
  const source = createReadStream(file.path, { highWaterMark: 1 << 18 });
  async function* counted(): AsyncGenerator<Buffer, void, undefined> {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      progress.bytesRead += chunk.length;
      yield chunk;
    }
  }
  const unpack = () => (file.compression === "gzip" ? createGunzip() : createZstdDecompress({ chunkSize: 1 << 18 }));
  let unpacked = 0;
  try {
    // The pipeline hands an error on to its last stream, where the loop meets it.
    const stream: AsyncIterable<Buffer> =
      file.compression === "none" ? counted() : pipeline(counted, unpack(), () => {});
    for await (const chunk of stream) {
      unpacked += chunk.length;
      yield chunk;
    }
  } catch (error) {
    const { message, syscall } = error as NodeJS.ErrnoException;
    if (file.compression === "none" || syscall) {
      throw new CorpusError(`corpus: cannot read ${file.path}: ${message}`, { cause: error });
    }
    throw new CorpusError(
      `corpus: ${file.path} is damaged or cut short: ${message} after ${unpacked} unpacked bytes; fetch or pack it again`,
      { cause: error },
    );
  } finally {
    source.destroy();
  }
}

function refuseUtf16(chunk: Uint8Array, path: string): void {
  const mark = (chunk[0] << 8) | chunk[1];
  if (mark === 0xfffe || mark === 0xfeff) {
    throw new CorpusError(`corpus: ${path} is UTF-16; convert it first, for example: iconv -f UTF-16 -t UTF-8`);
  }
}
