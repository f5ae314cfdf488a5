import { parseArgs } from "node:util";
import { deidentify as replaceIdentifiers } from "@baltoro/clinic";
import { UsageError } from "../usage.ts";
import type { Subcommand } from "./clinic-subcommand.ts";
import { readNoteFile } from "./note-file.ts";

export const deidentify: Subcommand = {
  summary: "replaces names, numbers and addresses in a note",
  usage: `baltoro clinic deidentify FILE [options]
  prints a note ("-" is the standard input) with names, telephone numbers, e-mail addresses, identity and record numbers,
  dates of birth, addresses and hospitals replaced by placeholders, Chinese and English.
  It is not perfect: a person must read what is to leave the building.

  --json  {text, replacements: [{kind, start, end, outStart, outEnd, placeholder}]}`,
  async run(args) {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: { json: { type: "boolean" } },
    });
    const [path, ...more] = positionals;
    if (path === undefined) throw new UsageError("a note is missing");
    if (more.length > 0) throw new UsageError(`one file at a time, not also ${more.join(", ")}`);
    const { text } = await readNoteFile(path);
    const { text: out, replacements } = replaceIdentifiers(text);
    if (values.json) console.log(JSON.stringify({ text: out, replacements }));
    else {
      process.stdout.write(out.endsWith("\n") ? out : `${out}\n`);
      console.error(
        `${replacements.length} replaced; not all identifiers are found: read the text before it leaves the building`,
      );
    }
    return 0;
  },
};
