import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import {
  type DiagnosisModel,
  type Example,
  evaluateModel,
  evaluationLines,
  evaluationPage,
  loadDiagnosisModel,
  type ModelIdentity,
  readExamples,
} from "@baltoro/clinic";
import { integerOption, UsageError } from "../usage.ts";
import type { Subcommand } from "./clinic-subcommand.ts";

const shippedModel = join(import.meta.dirname, "../../../../models/clinic-fusion");

/** Wrong lines that are told one by one. */
const mostTold = 20;

export const evaluate: Subcommand = {
  summary: "scores a model on labelled notes",
  usage: `baltoro clinic evaluate --data FILE.jsonl [options]
  scores a trained model on labelled notes: average precision, accuracy, calibration, intervals. Reads, told apart by their
  fields: {id, text, labels}, dialogues {id, label, utterances}, reports {report}, self-reports {id, label, self_report}.
  Names of diseases are masked, utterances of act 4 (the doctor's own diagnosis) are left out.

  --data FILE      JSON lines ("-" is the standard input)
  --model DIR      default: the model that ships
  --split NAME     only lines of a cohort whose split is NAME: test, heldOut, validation, train
  --json           the report as JSON
  --report FILE    an HTML page too, with reliability and risk by coverage
  --draws N        of the bootstrap (default 2000)
  --seed N         of the bootstrap (default 1)
  --threads N      processor threads (default all)`,
  async run(args) {
    const { values } = parseArgs({
      args,
      options: {
        ...{ data: { type: "string" }, model: { type: "string" }, split: { type: "string" } },
        ...{ json: { type: "boolean" }, report: { type: "string" } },
        ...{ draws: { type: "string" }, seed: { type: "string" }, threads: { type: "string" } },
      } as const,
    });
    if (values.data === undefined) throw new UsageError("--data is missing: which notes to score the model on?");
    const draws = integerOption("draws", values.draws, 1) ?? 2000;
    const seed = integerOption("seed", values.seed, 0) ?? 1;
    const threads = integerOption("threads", values.threads);
    const directory = values.model ?? shippedModel;
    for (const path of [directory, values.data]) {
      if (path === "-" || existsSync(path)) continue;
      console.error(`there is no ${path}`);
      return 1;
    }
    const { examples, wrong } = await labelled(values.data, values.split);
    if (examples.length === 0) return 1;
    const model = await loadDiagnosisModel(directory, threads === undefined ? {} : { threads });
    try {
      const { identity } = model;
      const report = await evaluateModel(model as DiagnosisModel, examples, { draws, seed });
      const facts = factsOf(identity, values.data, values.split, examples.length);
      if (values.json) console.log(JSON.stringify({ model: identity, data: basename(values.data), ...report }));
      else console.log([...facts, "", ...evaluationLines(report)].join("\n"));
      if (values.report !== undefined) {
        await writeFile(values.report, evaluationPage(report, { title: `${identity.name}: evaluation`, facts }));
        if (!values.json) console.log(`\nreport ${values.report}`);
      }
    } finally {
      await model.close();
    }
    return wrong > 0 ? 1 : 0;
  },
};

/** Examples with a label; tells what is wrong on the standard error, by line. */
async function labelled(path: string, split: string | undefined): Promise<{ examples: Example[]; wrong: number }> {
  const keep = (line: string) => split === undefined || inSplit(line, split);
  const { examples, wrong } = await readExamples(path, keep);
  for (const { line, message } of wrong.slice(0, mostTold)) console.error(`${path}, line ${line}: ${message}`);
  if (wrong.length > mostTold) console.error(`and ${wrong.length - mostTold} more`);
  if (wrong.length > 0)
    console.error(`${wrong.length} line${wrong.length === 1 ? " was" : "s were"} left out: no labelled note`);
  const known = examples.filter(({ labels }) => labels.some((label) => label !== undefined));
  if (known.length < examples.length)
    console.error(`${examples.length - known.length} of ${examples.length} notes have no label and are left out`);
  if (known.length === 0)
    console.error(
      `${path}: no labelled note${split === undefined ? "" : ` with split ${split}`}; expected labels (a list of diseases), or label as the research sets have it`,
    );
  return { examples: known, wrong: wrong.length };
}

/** Lines that are no JSON are kept, for the reader to say what is wrong with them. */
function inSplit(line: string, split: string): boolean {
  try {
    return (JSON.parse(line) as { split?: unknown } | null)?.split === split;
  } catch {
    return true;
  }
}

function factsOf(identity: ModelIdentity, path: string, split: string | undefined, notes: number): string[] {
  const trained = {
    synthetic: "It was trained on synthetic notes: figures on synthetic notes say nothing of real ones.",
    local: "It was trained on local notes.",
    research: "It was trained on research data and is not for use in care.",
  }[identity.training];
  return [
    `Model ${identity.name} ${identity.version}, SHA-256 ${identity.hash.slice(0, 16)}. ${trained}`,
    `${notes} labelled notes of ${basename(path)}${split === undefined ? "" : `, split ${split}`}.`,
  ];
}
