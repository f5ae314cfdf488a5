/**
 * De-identification: recall and precision on synthetic identifiers planted in the cohort's test notes (names and addresses from other lists
 * than the rules'), and how much is replaced in notes that hold none. Where ../shared is there, real notes are counted too, and `--show`
 * prints what was replaced in them, to be judged by reading.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { deidentify, frozenRecords, readResearchNotes } from "@baltoro/clinic";
import { type BenchOptions, type BenchResult, figure, textTable } from "./harness.ts";
import { plant } from "./parts/identifiers.ts";

const data = join(process.env["BALTORO_DATA"] ?? join(import.meta.dirname, "../../shared/data"), "clinic");

function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
}

interface Tally {
  planted: number;
  found: number;
  touched: number;
}

export async function run({ args }: BenchOptions): Promise<BenchResult> {
  const { values } = parseArgs({ args: [...args], options: { show: { type: "boolean" }, seed: { type: "string" } } });
  const random = generator(Number(values.seed ?? 20260106));
  const records = [...frozenRecords("test")];
  const tallies = new Map<string, Tally>();
  let [replaced, right, clean] = [0, 0, 0];
  const missed: string[] = [];
  const wrong: string[] = [];
  for (const { text, language } of records) {
    clean += deidentify(text).replacements.length;
    const planted = plant(text, language, random);
    const { replacements } = deidentify(planted.text);
    for (const { kind, start, end, hard } of planted.identifiers) {
      const covered = replacements.filter((one) => one.start < end && one.end > start);
      let whole = 0;
      for (const one of covered) whole += Math.min(end, one.end) - Math.max(start, one.start);
      const found = whole === end - start;
      for (const key of [
        `${language} ${kind}${hard ? ", unlabelled" : ""}`,
        `${language}${hard ? ", unlabelled" : ""}`,
        `all${hard ? ", unlabelled" : ""}`,
      ]) {
        const tally = tallies.get(key) ?? { planted: 0, found: 0, touched: 0 };
        tallies.set(key, tally);
        tally.planted++;
        if (found) tally.found++;
        if (covered.length > 0) tally.touched++;
      }
      if (!found && missed.length < 60)
        missed.push(
          `${kind}: ${planted.text.slice(Math.max(0, start - 12), start)}[${planted.text.slice(start, end)}]${planted.text.slice(end, end + 8)}`,
        );
    }
    for (const one of replacements) {
      replaced++;
      if (planted.identifiers.some(({ start, end }) => one.start < end && one.end > start)) right++;
      else if (wrong.length < 40)
        wrong.push(
          `${one.kind}: ${planted.text.slice(Math.max(0, one.start - 8), one.start)}[${planted.text.slice(one.start, one.end)}]${planted.text.slice(one.end, one.end + 8)}`,
        );
    }
  }
  const rows = [...tallies]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, { planted, found, touched }]) => [
      key,
      String(planted),
      figure(found / planted),
      figure(touched / planted),
    ]);
  const labelled = tallies.get("all")!;
  const figures: Record<string, unknown> = {
    byKind: Object.fromEntries(tallies),
    recallLabelled: labelled.found / labelled.planted,
    precisionPlanted: right / replaced,
    replacedPerCleanNote: clean / records.length,
  };
  const lines = [
    ...textTable(["identifier", "planted", "recall", "touched"], rows),
    "",
    `precision among the ${replaced} replaced in planted notes: ${figure(right / replaced)}; in ${records.length} notes without identifiers ${clean} were replaced`,
  ];
  if (existsSync(data)) {
    const notes = [...readResearchNotes(data)];
    const found = notes.flatMap(([id, text]) => deidentify(text).replacements.map((one) => ({ id, text, one })));
    figures["researchNotes"] = { notes: notes.length, replaced: found.length };
    lines.push(
      `${found.length} replaced in ${notes.length} research notes (names are removed from most of them already)`,
    );
    if (values.show)
      lines.push(
        ...found.map(
          ({ id, text, one }) =>
            `  ${id} ${one.kind}: ${text.slice(Math.max(0, one.start - 10), one.start).replaceAll("\n", "⏎")}[${text.slice(one.start, one.end)}]${text.slice(one.end, one.end + 10).replaceAll("\n", "⏎")}`,
        ),
      );
  }
  if (values.show)
    lines.push(
      "",
      "missed",
      ...missed.map((line) => `  ${line.replaceAll("\n", "⏎")}`),
      "",
      "wrong",
      ...wrong.map((line) => `  ${line.replaceAll("\n", "⏎")}`),
    );
  return { figures, checks: [], lines };
}
