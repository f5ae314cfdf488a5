import { createReadStream, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { readLines } from "../../notes/index.ts";
import { isBundle, parseBundle } from "./bundle.ts";
import { parseCsv } from "./csv.ts";
import { type LocalNote, LocalNoteError, parseLocalNote } from "./record.ts";

/** What was read, and what was not: at most `mostErrors` are kept in words. */
export interface LocalNotes {
  readonly notes: readonly LocalNote[];
  /** "FILE, line N: why". */
  readonly errors: readonly string[];
  readonly wrong: number;
}

const mostErrors = 20;
/** A longer line is no note. */
const maxLine = 16 * 2 ** 20;

/**
 * Reads notes with diagnoses from a file or all files under a directory: .jsonl and .ndjson (a note or a FHIR Bundle per line), .csv
 * with a header, .json (a Bundle, or a list of notes).
 *
 * @throws if there is no such file, or none of a known kind
 */
export async function readLocalNotes(path: string): Promise<LocalNotes> {
  const files = filesOf(path);
  const notes: LocalNote[] = [];
  const errors: string[] = [];
  let wrong = 0;
  const complain = (place: string, error: unknown) => {
    wrong++;
    if (errors.length < mostErrors) errors.push(`${place}: ${(error as Error).message}`);
  };
  for (const file of files) {
    for await (const { place, parse } of recordsOf(file, complain)) {
      try {
        notes.push(parse());
      } catch (error) {
        complain(place, error);
      }
    }
  }
  return { notes, errors, wrong };
}

const kinds = /\.(jsonl|ndjson|csv|tsv|json)$/i;

function filesOf(path: string): string[] {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) throw new Error(`${path}: there is no such file or directory`);
  if (found.isFile()) {
    if (!kinds.test(path)) throw new Error(`${path}: expected .jsonl, .ndjson, .csv, .tsv or .json`);
    return [path];
  }
  const files = readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && kinds.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  if (files.length === 0) throw new Error(`${path}: there is no .jsonl, .ndjson, .csv, .tsv or .json file in it`);
  return files;
}

interface Source {
  readonly place: string;
  readonly parse: () => LocalNote;
}

type Complain = (place: string, error: unknown) => void;

async function* recordsOf(file: string, complain: Complain): AsyncGenerator<Source> {
  if (/\.(jsonl|ndjson)$/i.test(file)) yield* linesOf(file);
  else if (/\.(csv|tsv)$/i.test(file)) yield* rowsOf(file, complain);
  else yield* documentOf(file, complain);
}

async function* linesOf(file: string): AsyncGenerator<Source> {
  for await (const { number, text } of readLines(createReadStream(file), maxLine)) {
    if (text?.trim() === "") continue;
    const place = `${file}, line ${number}`;
    yield {
      place,
      parse: () => {
        if (text === undefined) throw new LocalNoteError(`longer than ${maxLine} characters`);
        return parseValue(JSON.parse(text), place);
      },
    };
  }
}

function* rowsOf(file: string, complain: Complain): Generator<Source> {
  try {
    const [header, ...rows] = parseCsv(readFileSync(file, "utf8"));
    if (!header) throw new LocalNoteError("the file is empty");
    const names = header.cells.map((cell) => cell.trim().toLowerCase());
    for (const { line, cells } of rows) {
      const place = `${file}, line ${line}`;
      yield {
        place,
        parse: () => {
          if (cells.length !== names.length)
            throw new LocalNoteError(`${cells.length} cells, the header has ${names.length}; quote text with commas`);
          return parseLocalNote(Object.fromEntries(names.map((name, i) => [name, cells[i]])), place);
        },
      };
    }
  } catch (error) {
    complain(file, error);
  }
}

function* documentOf(file: string, complain: Complain): Generator<Source> {
  try {
    const value: unknown = JSON.parse(readFileSync(file, "utf8"));
    const list = Array.isArray(value) ? value : [value];
    for (const [i, one] of list.entries()) {
      const place = list.length > 1 ? `${file}, entry ${i + 1}` : file;
      yield { place, parse: () => parseValue(one, place) };
    }
  } catch (error) {
    complain(file, error);
  }
}

function parseValue(value: unknown, place: string): LocalNote {
  if (isBundle(value)) return parseBundle(value, place);
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new LocalNoteError("not an object");
  return parseLocalNote(value as Record<string, unknown>, place);
}
