import { once } from "node:events";
import { createReadStream } from "node:fs";
import { parseArgs } from "node:util";
import {
  extract as extractItems,
  type Item,
  type Lexicon,
  loadLexicon,
  measures,
  parseNote,
  readLines,
} from "@baltoro/clinic";
import { UsageError } from "../usage.ts";
import type { Subcommand } from "./clinic-subcommand.ts";

/** A longer line is no note. */
const maxLine = 64 * 2 ** 20;

export const extract: Subcommand = {
  summary: "test results out of notes, as JSON",
  usage: `baltoro clinic extract FILE.jsonl [options]
  reads JSON lines with id and text, self_report or utterances ("-" is the standard input)
  and prints the test results that each note states, a line a note

  --json           {id, items: [{code, value | low, high, unit, text, start, end, status}]}
  --lexicon FILE   a lexicon of your own, added to the one that ships; may be repeated`,
  async run(args) {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: { json: { type: "boolean" }, lexicon: { type: "string", multiple: true } },
    });
    const [path, ...more] = positionals;
    if (path === undefined) throw new UsageError("a file of notes is missing");
    if (more.length > 0) throw new UsageError(`one file at a time, not also ${more.join(", ")}`);
    const lexicon = loadLexicon(values.lexicon ?? []);
    const wrong = await extractFile(path, lexicon, values.json ?? false);
    return wrong > 0 ? 1 : 0;
  },
};

/** Prints the items of every note, and names the lines that are none on the standard error. Resolves to how many those are. */
async function extractFile(path: string, lexicon: Lexicon, json: boolean): Promise<number> {
  const stream = path === "-" ? process.stdin : createReadStream(path, { highWaterMark: 2 ** 18 });
  let wrong = 0;
  for await (const { number, text } of readLines(stream, maxLine)) {
    if (text?.trim() === "") continue;
    try {
      if (text === undefined) throw new Error(`longer than ${maxLine} characters`);
      const note = parseNote(text, number);
      const items = extractItems(note.text, { lexicon });
      const lines = json ? JSON.stringify({ id: note.id, items }) : describe(note.id, items);
      if (!process.stdout.write(`${lines}\n`)) await once(process.stdout, "drain");
    } catch (error) {
      wrong++;
      console.error(`${path}, line ${number}: ${(error as Error).message}`);
    }
  }
  if (wrong > 0) console.error(`${wrong} line${wrong === 1 ? " is" : "s are"} no note`);
  return wrong;
}

/** The items of a note for people. */
function describe(id: string | number, items: readonly Item[]): string {
  const lines = items.map((item) => {
    const { code, value, low, high, unit, result, status, flag, start } = item;
    const name = measures.get(code)?.display ?? code;
    const number = result ?? (value === undefined ? `${low}–${high}` : `${item.comparator ?? ""}${value}`);
    const others = [flag === "N" ? undefined : flag, status === "current" ? undefined : status]
      .filter(Boolean)
      .join(", ");
    return `  ${name}: ${number} ${unit}${others ? ` (${others})` : ""} at ${start}`;
  });
  return [String(id), ...lines].join("\n");
}
