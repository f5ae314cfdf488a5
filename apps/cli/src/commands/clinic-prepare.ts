import { createWriteStream, existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { assignFolds, collapseMasks, readExamples } from "@baltoro/clinic";
import { UsageError } from "../usage.ts";
import type { Subcommand } from "./clinic-subcommand.ts";

/** Sets of ../shared/data/clinic that have text and labels. */
const sets = ["imcs_dialogues", "imcs_reports", "dxy_self_reports"] as const;

export const prepare: Subcommand = {
  summary: "one file of the real research sets, for all models",
  usage: `baltoro clinic prepare --data DIR --out FILE
  writes the one file that all models read of the real research sets: names of diseases masked, the doctor's own
  diagnosis left out, test results extracted, five folds. For research; third-party text, not to be passed on.

  --data DIR       with ${sets.join(".jsonl, ")}.jsonl
  --out FILE       JSON lines {set, id, label, labels, fold, ageMonths, text, collapsed, items, turns}: in text a mask is as
                   long as the name, so that offsets hold; collapsed has one mask a name, and is what models read`,
  async run(args) {
    const { values } = parseArgs({ args, options: { data: { type: "string" }, out: { type: "string" } } });
    const { data, out } = values;
    if (data === undefined || out === undefined) throw new UsageError("--data DIR and --out FILE are both needed");
    const found = sets.filter((set) => existsSync(join(data, `${set}.jsonl`)));
    if (found.length === 0) throw new UsageError(`${data} has none of ${sets.map((set) => `${set}.jsonl`).join(", ")}`);
    const stream = createWriteStream(out);
    let wrongLines = 0;
    for (const set of found) {
      const path = join(data, `${set}.jsonl`);
      const { examples, wrong } = await readExamples(path);
      for (const { line, message } of wrong) console.error(`${path}, line ${line}: ${message}`);
      wrongLines += wrong.length;
      const folds = assignFolds(examples, 5);
      for (const [i, { id, label, labels, ageMonths, input, turns }] of examples.entries()) {
        const record = {
          ...{ set, id, label, labels: labels.map((value) => value ?? null), fold: folds[i], ageMonths },
          ...{ text: input.text, collapsed: collapseMasks(input.text), items: input.items, turns },
        };
        stream.write(`${JSON.stringify(record)}\n`);
      }
      console.log(`${set}: ${examples.length} notes`);
    }
    await new Promise<void>((resolve, reject) => {
      stream.on("error", reject);
      stream.end(resolve);
    });
    return wrongLines > 0 ? 1 : 0;
  },
};
