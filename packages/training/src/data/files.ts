import { globSync, readdirSync, type Stats, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { CorpusError } from "./errors.ts";

/** How the documents stand in a file. `text`: separated by blank lines; `document`: the file is one; `jsonl`: one a line. */
export type CorpusFormat = "text" | "document" | "jsonl";

/** One file of a corpus. */
export interface CorpusFile {
  /** Absolute path. */
  readonly path: string;
  readonly format: CorpusFormat;
  readonly compression: "none" | "gzip" | "zstd";
  /** Size on disk in bytes. */
  readonly size: number;
  readonly mtimeMs: number;
}

const formats = new Map<string, CorpusFormat>([
  [".txt", "text"],
  [".md", "document"],
  [".jsonl", "jsonl"],
]);
const compressions = new Map<string, CorpusFile["compression"]>([
  [".gz", "gzip"],
  [".zst", "zstd"],
]);
const supported = ".txt, .md, .jsonl, each also as .gz or .zst";

/** Format and compression by name, or null where the extension is none that is read. A bare `.zst` or `.gz` holds text. */
export function formatOf(path: string): Pick<CorpusFile, "format" | "compression"> | null {
  const name = path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1).toLowerCase();
  const [, stem, packed] = /^(.*?)(\.gz|\.zst)?$/.exec(name) ?? ["", name, undefined];
  const compression = packed ? (compressions.get(packed) ?? "none") : "none";
  const extension = /\.[a-z]+$/.exec(stem)?.[0];
  const format = extension ? formats.get(extension) : undefined;
  if (format) return { format, compression };
  return packed && !extension ? { format: "text", compression } : null;
}

/**
 * The files that a corpus names: paths, directories (all files beneath, hidden ones left out) and globs, sorted by path
 * within each, each file once. Files of other kinds are skipped in directories and globs, and an error where named.
 * @throws CorpusError for a missing path, a glob or directory without readable files, an unknown extension.
 */
export function resolveFiles(spec: string | readonly string[]): CorpusFile[] {
  const entries = typeof spec === "string" ? [spec] : spec;
  if (entries.length === 0) throw new CorpusError("corpus: no path given");
  const files = new Map<string, CorpusFile>();
  for (const entry of entries) {
    for (const file of resolveEntry(entry)) files.set(file.path, files.get(file.path) ?? file);
  }
  return [...files.values()];
}

function resolveEntry(entry: string): CorpusFile[] {
  if (entry.trim() === "") throw new CorpusError("corpus: an empty path was given");
  const stats = statSync(entry, { throwIfNoEntry: false });
  if (stats?.isDirectory()) return readableFiles(walk(resolve(entry)), `directory "${entry}"`);
  if (stats?.isFile()) {
    const file = corpusFile(resolve(entry), stats);
    if (file) return [file];
    throw new CorpusError(`corpus: "${entry}" has an extension that is not read; readable are ${supported}`);
  }
  if (stats) throw new CorpusError(`corpus: "${entry}" is neither a file nor a directory`);
  if (!/[*?[{]/.test(entry)) throw new CorpusError(`corpus: "${entry}" does not exist (from ${process.cwd()})`);
  const matches = globSync(entry).map((path) => resolve(path));
  if (matches.length === 0) throw new CorpusError(`corpus: the pattern "${entry}" matches nothing`);
  return readableFiles(matches, `pattern "${entry}"`);
}

function readableFiles(paths: string[], where: string): CorpusFile[] {
  const files = paths.sort(byCodeUnits).flatMap((path) => {
    const stats = statSync(path, { throwIfNoEntry: false });
    const file = stats?.isFile() ? corpusFile(path, stats) : null;
    return file ? [file] : [];
  });
  if (files.length > 0) return files;
  throw new CorpusError(
    `corpus: the ${where} holds no file that can be read (${paths.length} others); readable are ${supported}`,
  );
}

function corpusFile(path: string, { size, mtimeMs }: Stats): CorpusFile | null {
  const format = formatOf(path);
  return format && { path, ...format, size, mtimeMs };
}

/** Links to directories are not followed: they could form a circle. */
function walk(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    if (entry.name.startsWith(".")) return [];
    const path = join(directory, entry.name);
    return entry.isDirectory() ? walk(path) : [path];
  });
}

/** The order must not depend on the machine's locale. */
function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
