import { CorpusError } from "./errors.ts";

/** Splits a stream of text into documents. Text comes in any cuts; documents come out whole. */
export interface DocumentSplitter {
  push(text: string): Iterable<string>;
  end(): Iterable<string>;
}

// Two empty lines or more: one empty line separates paragraphs. Windows line ends count as well.
const separator = /(?:\r?\n){3,}/g;

/**
 * Documents separated by three newlines or more. A document longer than `maxLength` characters is cut at the last line
 * end (or space) before that, so that memory stays bounded. Documents of white space only are dropped.
 */
export function textSplitter(maxLength: number): DocumentSplitter {
  let pending = "";
  // No separator begins before this place.
  let searched = 0;

  function* cut(flush: boolean): Iterable<string> {
    separator.lastIndex = searched;
    let start = 0;
    for (let match = separator.exec(pending); match; match = separator.exec(pending)) {
      // More newlines may follow in the next chunk: they belong to this separator.
      if (!flush && separator.lastIndex === pending.length) break;
      yield* pieces(pending.slice(start, match.index), maxLength);
      start = separator.lastIndex;
    }
    pending = pending.slice(start);
    while (pending.length > maxLength) {
      const end = cutPoint(pending, maxLength);
      yield* pieces(pending.slice(0, end), maxLength);
      pending = pending.slice(end);
    }
    searched = pending.length;
    while (searched > 0 && /[\r\n]/.test(pending[searched - 1])) searched--;
  }

  return {
    push(text) {
      pending += text;
      return cut(false);
    },
    *end() {
      yield* cut(true);
      yield* pieces(pending, maxLength);
      pending = "";
    },
  };
}

/** The whole file is one document (cut as in {@link textSplitter} where it is too long). */
export function wholeSplitter(maxLength: number): DocumentSplitter {
  let pending = "";
  return {
    *push(text) {
      pending += text;
      while (pending.length > maxLength) {
        const end = cutPoint(pending, maxLength);
        yield* pieces(pending.slice(0, end), maxLength);
        pending = pending.slice(end);
      }
    },
    *end() {
      yield* pieces(pending, maxLength);
      pending = "";
    },
  };
}

/**
 * One JSON object a line with the text in `field`. Empty lines are skipped.
 * @throws CorpusError with file and line number for a line that is no JSON object or has no such text.
 */
export function jsonlSplitter(path: string, field: string, maxLength: number): DocumentSplitter {
  let pending = "";
  let line = 0;

  function* document(source: string): Iterable<string> {
    line++;
    if (source.trim() === "") return;
    const where = `corpus: ${path}:${line}`;
    let value: unknown;
    try {
      value = JSON.parse(source);
    } catch (error) {
      throw new CorpusError(
        `${where}: malformed JSON (${(error as Error).message}); each line must be one JSON object`,
      );
    }
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new CorpusError(
        `${where}: expected a JSON object, found ${Array.isArray(value) ? "an array" : JSON.stringify(value)}`,
      );
    }
    const text = (value as Record<string, unknown>)[field];
    if (typeof text !== "string") {
      const keys = Object.keys(value).join(", ") || "none";
      throw new CorpusError(
        `${where}: no text in the field "${field}" (fields here: ${keys}); name another text field`,
      );
    }
    yield* pieces(text, maxLength);
  }

  return {
    *push(text) {
      pending += text;
      let start = 0;
      for (let end = pending.indexOf("\n"); end >= 0; end = pending.indexOf("\n", start)) {
        yield* document(pending.slice(start, end));
        start = end + 1;
      }
      pending = pending.slice(start);
    },
    *end() {
      yield* document(pending);
      pending = "";
    },
  };
}

function* pieces(text: string, maxLength: number): Iterable<string> {
  let rest = text;
  while (rest.length > maxLength) {
    const end = cutPoint(rest, maxLength);
    if (rest.slice(0, end).trim() !== "") yield rest.slice(0, end);
    rest = rest.slice(end);
  }
  if (rest.trim() !== "") yield rest;
}

/** Where to cut a text that is too long: after a line, else before a space, else anywhere but inside a character. */
function cutPoint(text: string, maxLength: number): number {
  const half = maxLength >> 1;
  const newline = text.lastIndexOf("\n", maxLength - 1);
  if (newline >= half) return newline + 1;
  const space = text.lastIndexOf(" ", maxLength - 1);
  if (space >= half) return space;
  const high = text.charCodeAt(maxLength - 1);
  return high >= 0xd800 && high < 0xdc00 && maxLength > 1 ? maxLength - 1 : maxLength;
}
