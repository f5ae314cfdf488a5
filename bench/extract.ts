/**
 * Extraction of results from clinical notes: F1 on hand-labelled notes, speed on all of them. One thread.
 * `--errors` scores the development notes and the reserve only, and prints what was missed and what was wrong in them: the frozen
 * third and the test part are for measuring. `--all` scores the reserve and the test part beside the other two, `--draws` the blind
 * draws of Chinese notes.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import {
  extract,
  f1Interval,
  type Item,
  parseLabels,
  readResearchNotes,
  type ScoreReport,
  scoreNotes,
} from "@baltoro/clinic";
import { type BenchOptions, type BenchResult, type Check, figure, textTable } from "./harness.ts";

const labels = join(import.meta.dirname, "../packages/clinic/labels");
const data = join(process.env["BALTORO_DATA"] ?? join(import.meta.dirname, "../../shared/data"), "clinic");
const languages = ["English", "Chinese"] as const;
type Language = (typeof languages)[number];
type Part = "development" | "frozen" | "reserve" | "test" | `draw ${number}`;

/** Blind draws of Chinese notes: labels/README.md tells when each was labelled and measured. */
const draws = [1, 2, 3, 4, 5, 6].map((draw): Part => `draw ${draw}`);

function fileOf(language: Language, part: Part): string {
  const name = language.toLowerCase();
  if (part.startsWith("draw ")) return `blind2/${name}-${part.slice(5)}.jsonl`;
  return `${part === "development" ? "" : `${part}/`}${name}.jsonl`;
}

function scorePart(language: Language, part: Part, notes: ReadonlyMap<string, string>): ScoreReport {
  const file = fileOf(language, part);
  const labelled = parseLabels(readFileSync(join(labels, file), "utf8"), file);
  return scoreNotes(labelled, new Map(labelled.map(({ id }) => [id, extract(notes.get(id) ?? "")])));
}

interface Speed {
  readonly megabytes: number;
  readonly extractMBps: number;
  readonly wallMBps: number;
  readonly itemsFound: number;
}

/**
 * Of the fastest of several passes over all notes, after one that warms up. Bytes are those of UTF-8. `extractMBps` is by the
 * processor time of the whole process, the garbage collector's threads included: what one core needs, whoever else uses the
 * machine. `wallMBps` is by the clock.
 */
function measureSpeed(texts: readonly string[]): Speed {
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  let [processor, wall] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  let itemsFound = 0;
  for (let pass = 0; pass < 10; pass++) {
    const start = performance.now();
    const used = process.cpuUsage();
    itemsFound = 0;
    for (const text of texts) itemsFound += extract(text).length;
    const { user, system } = process.cpuUsage(used);
    if (pass === 0) continue;
    wall = Math.min(wall, performance.now() - start);
    processor = Math.min(processor, (user + system) / 1e3);
  }
  return { megabytes: bytes / 1e6, extractMBps: bytes / 1e3 / processor, wallMBps: bytes / 1e3 / wall, itemsFound };
}

function percent(value: number): string {
  return Number.isNaN(value) ? "–" : (100 * value).toFixed(1);
}

/** Seeded: the interval is the same in every run. */
function generator(): () => number {
  let state = 20210824;
  return () => {
    state = (state * 16807) % 2147483647;
    return state / 2147483647;
  };
}

function errorLines(language: Language, { notes }: ScoreReport, texts: ReadonlyMap<string, string>): string[] {
  const line = (kind: string, id: string, { code, value, low, high, status, start, end }: Item) => {
    const text = texts.get(id) ?? "";
    const around = `${text.slice(Math.max(0, start - 24), start)}[${text.slice(start, end)}]${text.slice(end, end + 16)}`;
    return `${kind} ${id} ${code} ${value ?? `${low}–${high}`} ${status}: ${around.replaceAll("\n", "⏎")}`;
  };
  return notes.flatMap(({ id, missed, spurious }) => [
    ...missed.map((item) => line(`${language} missed`, id, item)),
    ...spurious.map((item) => line(`${language} wrong `, id, item)),
  ]);
}

export async function run({ args }: BenchOptions): Promise<BenchResult> {
  const { values } = parseArgs({
    args: [...args],
    options: { errors: { type: "boolean" }, all: { type: "boolean" }, draws: { type: "boolean" } },
  });
  const parts: Part[] = values.errors ? ["development", "reserve"] : ["development", "frozen"];
  if (values.all && !values.errors) parts.push("reserve", "test");
  if (!existsSync(data)) {
    const skipped = `${data} is absent: the labelled notes are third-party data and no part of the repository. BALTORO_DATA names another place.`;
    return { figures: { skipped }, checks: [], lines: [`skipped: ${skipped}`] };
  }
  const notes = readResearchNotes(data);
  const figures: Record<string, unknown> = {};
  const checks: Check[] = [];
  const overall: string[][] = [];
  const byCode: string[][] = [];
  const errors: string[] = [];
  for (const language of languages) {
    const drawn = values.draws && language === "Chinese" ? draws : [];
    for (const part of [...parts, ...drawn]) {
      const report = scorePart(language, part, notes);
      const { labels, found, matched, precision, recall, f1 } = report.overall;
      const [low, high] = f1Interval(report.notes, { random: generator() });
      figures[`${part}${language}`] = {
        notes: report.notes.length,
        ...report.overall,
        f1Interval95: [low, high],
        byCode: Object.fromEntries(report.byCode),
      };
      const counts = [labels, found, matched].map(String);
      const ratios = [precision, recall, f1].map(percent);
      overall.push([
        language,
        part,
        String(report.notes.length),
        ...counts,
        ...ratios,
        `${percent(low)}–${percent(high)}`,
      ]);
      for (const [code, score] of report.byCode) {
        const ratio = [score.precision, score.recall, score.f1].map(percent);
        byCode.push([language, part, code, ...[score.labels, score.found, score.matched].map(String), ...ratio]);
      }
      if (part === "frozen") checks.push({ name: `extractF1${language}`, value: f1, atLeast: 0.95 });
      else if (values.errors) errors.push(...errorLines(language, report, notes));
    }
  }
  const speed = measureSpeed([...notes.values()]);
  checks.push({ name: "extractMBps", value: speed.itemsFound > 0 ? speed.extractMBps : Number.NaN, atLeast: 5 });
  const header = ["labels", "found", "matched", "precision %", "recall %", "F1 %"];
  return {
    figures: { ...figures, ...speed },
    checks,
    lines: [
      ...textTable(["language", "part", "notes", ...header, "95 % interval"], overall),
      "",
      ...textTable(["language", "part", "code", ...header], byCode),
      "",
      `${figure(speed.megabytes)} MB of notes, ${speed.itemsFound} items: ${figure(speed.extractMBps)} MB/s of one core, ${figure(speed.wallMBps)} MB/s by the clock`,
      ...(errors.length > 0 ? ["", ...errors] : []),
    ],
  };
}
