import { readFileSync } from "node:fs";
import { checkLexicon } from "./check.ts";
import { compileLexicon, type Lexicon } from "./compile.ts";
import type { LexiconFile } from "./types.ts";

/** A lexicon file is wrong: the message names the file, the entry and what to do. */
export class LexiconError extends Error {
  override name = "LexiconError";
}

const shipped = ["observations", "units", "words", "foreign", "cues", "general", "findings"];

/**
 * Reads a lexicon file: JSON, with the parts that {@link LexiconFile} describes.
 *
 * @param name what the file is called in errors
 * @throws LexiconError naming every entry that is wrong, up to 20
 */
export function parseLexicon(json: string, name: string): LexiconFile {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new LexiconError(`${name}: not JSON: ${(error as Error).message}`);
  }
  const problems = checkLexicon(value);
  if (problems.length > 0) {
    const shown = problems.slice(0, 20).map((problem) => `  ${problem}`);
    const more = problems.length > 20 ? [`  and ${problems.length - 20} more`] : [];
    throw new LexiconError([`${name}: ${problems.length} wrong`, ...shown, ...more].join("\n"));
  }
  return value as LexiconFile;
}

let ready: Lexicon | undefined;

/** The lexicon that ships with the package. */
export function defaultLexicon(): Lexicon {
  ready ??= compileLexicon(shippedFiles());
  return ready;
}

/**
 * The shipped lexicon with a hospital's own files added, later files over earlier ones.
 *
 * @throws LexiconError if a file is wrong; an error of the file system if one cannot be read
 */
export function loadLexicon(paths: readonly string[]): Lexicon {
  if (paths.length === 0) return defaultLexicon();
  return compileLexicon([...shippedFiles(), ...paths.map((path) => parseLexicon(readFileSync(path, "utf8"), path))]);
}

function shippedFiles(): LexiconFile[] {
  return shipped.map((name) => {
    const url = new URL(`./data/${name}.json`, import.meta.url);
    return parseLexicon(readFileSync(url, "utf8"), `${name}.json`);
  });
}
