/**
 * The assessor on the frozen cohort's test notes: milliseconds of one note end to end, evidence included, on one thread; where the time
 * goes; whether the evidence is what the model leans on; how often notes fall outside the scope or are abstained from.
 *
 *     npm run bench assess [-- --model DIR --notes N]
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import {
  type Assessment,
  type CohortRecord,
  chooseByRelevance,
  createAssessor,
  defaultLexicon,
  defaultModelDirectory,
  diseases,
  extract,
  findRedFlags,
  frozenRecords,
  type LoadedModel,
  loadDiagnosisModel,
  patientAge,
  scopeReasons,
  toModelInput,
  type Unit,
  unitsOf,
  without,
} from "@baltoro/clinic";
import { type BenchOptions, type BenchResult, figure, textTable } from "./harness.ts";

const data = join(process.env["BALTORO_DATA"] ?? join(import.meta.dirname, "../../shared/data"), "clinic");

/** Names of diseases of the airways in labels and reports' diagnoses. */
const respiratoryLabel = /呼吸道|支气管|感冒|咳|肺|喘|咽|扁桃|上感|鼻|喉/;

interface RealNote {
  readonly text: string;
  /** Whether the source calls it one of the airways; undefined where it says nothing. */
  readonly respiratory?: boolean;
}

/** Real notes by source: dialogues without the doctor's diagnoses (act 4), reports without theirs, self-reports, English notes. */
function realNotes(): Record<string, RealNote[]> {
  const lines = <T>(file: string): T[] =>
    readFileSync(join(data, file), "utf8")
      .split("\n")
      .filter((line) => line.trim() !== "")
      .map((line) => JSON.parse(line) as T);
  type Dialogue = { label: string; utterances: { text: string; act: number }[] };
  type Report = { report: Record<string, string> };
  return {
    dialogues: lines<Dialogue>("imcs_dialogues.jsonl").map(({ label, utterances }) => ({
      text: utterances.flatMap(({ text, act }) => (act === 4 ? [] : [text])).join("\n"),
      respiratory: respiratoryLabel.test(label),
    })),
    reports: lines<Report>("imcs_reports.jsonl").map(({ report: { 诊断: diagnosis, ...rest } }) => ({
      text: Object.entries(rest)
        .map(([name, text]) => `${name}：${text}`)
        .join("\n"),
      respiratory: respiratoryLabel.test(diagnosis ?? ""),
    })),
    "self-reports": lines<{ label: string; self_report: string }>("dxy_self_reports.jsonl").map((note) => ({
      text: note.self_report,
      respiratory: respiratoryLabel.test(note.label),
    })),
    MTSamples: lines<{ text: string }>("mtsamples_notes.jsonl").map(({ text }) => ({ text })),
  };
}

/** Of each source: notes, those that are adult or without an age, and those that the rules call not respiratory, by what the source says. */
function realScope(): { rows: string[][]; figures: Record<string, unknown> } {
  const rows: string[][] = [];
  const figures: Record<string, unknown> = {};
  for (const [source, notes] of Object.entries(realNotes())) {
    const judged = notes.map((note) => {
      const reasons = scopeReasons(note.text, patientAge(note.text, extract(note.text)));
      return { ...note, reasons };
    });
    const count = (passes: (note: (typeof judged)[number]) => boolean): number => judged.filter(passes).length;
    const own = count(({ respiratory }) => respiratory === true);
    const others = count(({ respiratory }) => respiratory === false);
    const figure = {
      notes: judged.length,
      adult: count(({ reasons }) => reasons.includes("adult")),
      ageUnknown: count(({ reasons }) => reasons.includes("age-unknown")),
      respiratory: own,
      respiratoryMissed: count(
        ({ respiratory, reasons }) => respiratory === true && reasons.includes("not-respiratory"),
      ),
      others,
      othersTaken: count(({ respiratory, reasons }) => respiratory === false && !reasons.includes("not-respiratory")),
    };
    figures[source] = figure;
    const of = (part: number, whole: number): string => (whole === 0 ? "–" : `${part} of ${whole}`);
    rows.push([
      ...[source, `${figure.notes}`, `${figure.adult}`, `${figure.ageUnknown}`],
      ...[of(figure.respiratoryMissed, own), of(figure.othersTaken, others)],
    ]);
  }
  return { rows, figures };
}

/** Seeded: every run takes the same notes and spans. */
function generator(): () => number {
  let state = 20210824;
  return () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
}

function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(q * sorted.length) - 1)] ?? Number.NaN;
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Every tenth note timed is a long one: several notes one after another, as an admission with its course. */
const longShare = 10;
const longCharacters = 4000;
/** A note is timed so often, and its least time is taken: others use the machine too. */
const repeats = 3;

function notesToTime(records: readonly CohortRecord[]): string[] {
  const texts = records.map(({ text }) => text);
  return texts.map((text, n) => {
    if (n % longShare !== 0) return text;
    let long = text;
    for (let i = 1; long.length < longCharacters; i++) long += `\n${texts[(n + i) % texts.length]}`;
    return long;
  });
}

async function timeOf(act: () => unknown): Promise<number> {
  return (await timesOf(act)).wall;
}

/** Least of several repeats, milliseconds: by the clock, and of the processor, all of the process's threads together. */
async function timesOf(act: () => unknown): Promise<{ wall: number; processor: number }> {
  let [wall, processor] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (let i = 0; i < repeats; i++) {
    const start = performance.now();
    const used = process.cpuUsage();
    await act();
    const { user, system } = process.cpuUsage(used);
    wall = Math.min(wall, performance.now() - start);
    processor = Math.min(processor, (user + system) / 1e3);
  }
  return { wall, processor };
}

/** Milliseconds of each part of an assessment, medians over notes. */
async function timeParts(model: LoadedModel, texts: readonly string[]): Promise<Record<string, number>> {
  const parts: Record<string, number[]> = {};
  const add = async (name: string, act: () => unknown) => {
    parts[name] ??= [];
    parts[name].push(await timeOf(act));
  };
  for (const text of texts) {
    const items = extract(text);
    const age = patientAge(text, items);
    const input = toModelInput(text, items);
    await add("stage 1", () => extract(text));
    await add("scope", () => scopeReasons(text, age));
    await add("red flags", () => findRedFlags(text, items, age));
    if (model.relevance) await add("relevance", () => model.relevance?.(input));
    await add("one forward", () => model.predict([input]));
    await add("nine forwards", () => model.predict(Array.from({ length: 9 }, () => input)));
  }
  return Object.fromEntries(Object.entries(parts).map(([name, times]) => [name, quantile(times, 0.5)]));
}

/** A span of the length of a unit at a random place, with the items that begin in it. */
function randomSpan({ start, end }: Unit, text: string, starts: readonly number[], random: () => number): Unit {
  const length = Math.min(end - start, text.length);
  const from = Math.floor(random() * (text.length - length + 1));
  const items = starts.flatMap((at, i) => (at >= from && at < from + length ? [i] : []));
  return { start: from, end: from + length, items };
}

/** Random spans that one piece of evidence is compared with. */
const randomSpans = 5;

/**
 * How far the leading disease's probability moves when the strongest evidence for it is taken out, and when random spans of its length are.
 * `byRelevance` takes the unit that the model's own attention points to, before any deletion was tried.
 */
async function judgeEvidence(model: LoadedModel, records: readonly CohortRecord[], assessments: readonly Assessment[]) {
  const random = generator();
  const normalize = defaultLexicon().normalize;
  const rows: { evidence: number; random: number; byRelevance: number; randomOfRelevance: number }[] = [];
  for (const [n, { text }] of records.entries()) {
    const [first] = assessments[n].differential;
    const top = first?.for[0];
    if (!first || !top || top.end === 0) continue;
    const c = diseases.indexOf(first.disease);
    const { items } = assessments[n];
    const input = toModelInput(text, items);
    const units = unitsOf(normalize(text), items);
    const evidence = units.find(({ start, end }) => start === top.start && end === top.end);
    if (!evidence) continue;
    const relevance = await model.relevance?.(input);
    const leading = diseases.map((_, d) => (d === c ? 1 : 0));
    const pointed = relevance ? chooseByRelevance(relevance, units, 1, leading)[0] : evidence;
    const starts = items.map(({ start, end }) => (end > start ? start : -1));
    const of = (unit: Unit) => Array.from({ length: randomSpans }, () => randomSpan(unit, text, starts, random));
    const variants = [evidence, pointed, ...of(evidence), ...of(pointed)].map((unit) => without(input, [unit]));
    const moved = (await model.predict(variants)).map((row) => Math.abs(row[c] - first.probability));
    rows.push({
      evidence: moved[0],
      byRelevance: moved[1],
      random: mean(moved.slice(2, 2 + randomSpans)),
      randomOfRelevance: mean(moved.slice(2 + randomSpans)),
    });
  }
  return {
    notes: rows.length,
    evidence: mean(rows.map((row) => row.evidence)),
    random: mean(rows.map((row) => row.random)),
    evidenceMovesMore: mean(rows.map((row) => (row.evidence > row.random ? 1 : 0))),
    byRelevance: mean(rows.map((row) => row.byRelevance)),
    randomOfRelevance: mean(rows.map((row) => row.randomOfRelevance)),
    byRelevanceMovesMore: mean(rows.map((row) => (row.byRelevance > row.randomOfRelevance ? 1 : 0))),
  };
}

/** Shares of notes, and of their calls, that the scope and the abstention touch. */
function judgeScope(records: readonly CohortRecord[], assessments: readonly Assessment[]) {
  const ill = records.flatMap(({ labels }, n) => (labels.length > 0 ? [assessments[n]] : []));
  const share = (list: readonly Assessment[], passes: (assessment: Assessment) => boolean): number =>
    list.filter(passes).length / list.length;
  const inside = assessments.filter(({ scope }) => scope.inside);
  return {
    illOutside: share(ill, ({ scope }) => !scope.inside),
    illNotRespiratory: share(ill, ({ scope }) => scope.reasons.includes("not-respiratory")),
    illAgeUnknown: share(ill, ({ scope }) => scope.reasons.includes("age-unknown")),
    abstained: share(inside, ({ abstention }) => abstention !== undefined),
    flagged: share(assessments, ({ redFlags }) => redFlags.length > 0),
  };
}

export async function run({ args }: BenchOptions): Promise<BenchResult> {
  const { values } = parseArgs({ args: [...args], options: { model: { type: "string" }, notes: { type: "string" } } });
  const modelDirectory = values.model ?? defaultModelDirectory;
  const count = Number(values.notes ?? 300);
  if (!existsSync(modelDirectory)) {
    const skipped = `${modelDirectory} is absent: \`baltoro clinic train\` makes a model, --model DIR names one`;
    return { figures: { skipped }, checks: [], lines: [`skipped: ${skipped}`] };
  }
  const records = [...frozenRecords("test")].slice(0, count);
  const texts = notesToTime(records);
  const assessor = await createAssessor({ modelDirectory, threads: 1 });
  for (const text of texts.slice(0, 40)) await assessor.assess(text, { ageMonths: 30 });
  const both: { wall: number; processor: number }[] = [];
  // The age is given, so that every note is ranked and explained: the slow path.
  for (const [n, text] of texts.entries())
    both.push(await timesOf(() => assessor.assess(text, { ageMonths: Math.min(records[n].ageMonths, 200) })));
  const times = both.map(({ processor }) => processor);
  const wall = both.map((time) => time.wall);
  const largest = texts.join("\n").slice(0, 100_000);
  const ofLargest = await timeOf(() => assessor.assess(largest, { ageMonths: 30 }));
  const assessments: Assessment[] = [];
  for (const { text } of records) assessments.push(await assessor.assess(text));
  await assessor.close();

  const model = await loadDiagnosisModel(modelDirectory, { threads: 1 });
  const parts = await timeParts(model, texts.slice(0, 60));
  const evidence = await judgeEvidence(model, records, assessments);
  await model.close();
  const scope = judgeScope(records, assessments);
  const long = times.filter((_, n) => n % longShare === 0);
  const figures = {
    model: assessor.model,
    notes: times.length,
    p50Ms: quantile(times, 0.5),
    p99Ms: quantile(times, 0.99),
    wallP50Ms: quantile(wall, 0.5),
    wallP99Ms: quantile(wall, 0.99),
    longP50Ms: quantile(long, 0.5),
    ms100kCharacters: ofLargest,
    partsMs: parts,
    evidence,
    scope,
  };
  const real = existsSync(data) ? realScope() : undefined;
  const percent = (value: number): string => `${(100 * value).toFixed(1)} %`;
  return {
    figures: { ...figures, ...(real && { realScope: real.figures }) },
    checks: [{ name: "assessP99Ms", value: figures.p99Ms, atMost: 50 }],
    lines: [
      `${times.length} notes of the cohort's test part, every ${longShare}th joined to ${longCharacters} characters; one thread, warm, least of ${repeats}; of the processor where the clock is not named: what one core needs, whoever else uses it`,
      ...textTable(
        ["", "ms"],
        [
          ["one note, median", figure(figures.p50Ms)],
          ["one note, 99th percentile", figure(figures.p99Ms)],
          ["by the clock, median", figure(figures.wallP50Ms)],
          ["by the clock, 99th percentile", figure(figures.wallP99Ms)],
          ["a long note, median", figure(figures.longP50Ms)],
          ["a note of 100,000 characters", figure(figures.ms100kCharacters)],
          ...Object.entries(parts).map(([name, ms]) => [`  ${name}`, figure(ms)]),
        ],
      ),
      "",
      `evidence taken out moves the leading probability by ${figure(evidence.evidence)}, random spans of its length by ${figure(evidence.random)}; more in ${percent(evidence.evidenceMovesMore)} of ${evidence.notes} notes`,
      `what the model's relevance points to, before any deletion: ${figure(evidence.byRelevance)} against ${figure(evidence.randomOfRelevance)}; more in ${percent(evidence.byRelevanceMovesMore)}`,
      `outside the scope: ${percent(scope.illOutside)} of notes with one of the diseases (no age found ${percent(scope.illAgeUnknown)}, no word of the airways ${percent(scope.illNotRespiratory)})`,
      `abstained from: ${percent(scope.abstained)} of those inside; with a red flag: ${percent(scope.flagged)} of all`,
      ...(real
        ? [
            "",
            ...textTable(
              ["source", "notes", "adult", "no age", "respiratory, said not to be", "others, said to be"],
              real.rows,
            ),
          ]
        : [`${data} is absent: no rates on real notes`]),
    ],
  };
}
