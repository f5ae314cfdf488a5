import { type DiagnosisModel, diseases, type Evidence, type ModelInput } from "../../diagnosis/index.ts";
import type { Relevance, RelevanceOptions } from "../../model/index.ts";
import { without } from "./delete.ts";
import type { Unit } from "./units.ts";

/** A model that may say by itself, in one pass, what it looks at. */
export interface ExplainableModel extends DiagnosisModel {
  /** What each part of the note gives to each disease, and the note's probabilities as `predict` gives them. */
  relevance?(
    input: ModelInput,
    options?: RelevanceOptions,
  ): Promise<Pick<Relevance, "text" | "items"> & { readonly probabilities: readonly number[] }>;
  /** How much of the note the model reads: tokens and values, and where in the text it stops. Without it a note is read whole. */
  reach?(input: ModelInput): { readonly size: number; readonly end: number };
}

/** A note's probabilities, and the evidence of each disease in the order of `diseases`. */
export interface Explained {
  readonly probabilities: readonly number[];
  readonly for: readonly (readonly Evidence[])[];
  readonly against: readonly (readonly Evidence[])[];
}

/** Tokens and values, about, that all passes of a note have together: bounds the time; and how many parts are taken out at least and most. */
const budget = { size: 1400, least: 1, most: 12 } as const;

/** Of longer notes, in tokens and values, no gradient is taken: it costs what two parts taken out do. */
const longestForGradient = 260;

/** Smallest change of the log-odds that is shown, and how much is shown. */
const leastWeight = 0.05;
const mostShown = 4;

/** Log-odds, finite at 0 and 1. */
export function logOdds(p: number): number {
  const q = Math.min(1 - 1e-6, Math.max(1e-6, p));
  return Math.log(q / (1 - q));
}

/** How many parts of a note are taken out, one at a time, beside the pass that chooses them. */
export function deletionsFor(size: number): number {
  const choosing = size <= longestForGradient ? 3 : 1;
  const left = Math.floor(budget.size / Math.max(1, size)) - choosing;
  return Math.min(budget.most, Math.max(budget.least, left));
}

/**
 * What in a note speaks for and against each disease, by deletion: a unit's weight is the change of the disease's log-odds when it is taken
 * out. Which units are tried is the model's own relevance to say; of a model that has none, groups of neighbours are tried, and parts of the
 * groups that mattered most.
 *
 * @param quoted the note as given, which evidence quotes
 */
export async function explain(
  model: ExplainableModel,
  input: ModelInput,
  units: readonly Unit[],
  quoted: string,
): Promise<Explained> {
  const size = model.reach?.(input).size ?? input.text.length / 4;
  const tries = deletionsFor(size);
  const relevance = await model.relevance?.(input, { gradient: size <= longestForGradient });
  const chosen = relevance
    ? chooseByRelevance(relevance, units, tries, relevance.probabilities)
    : await chooseByGroups(model, input, units, tries);
  const variants = chosen.map((unit) => without(input, [unit]));
  const predicted = await model.predict(relevance ? variants : [input, ...variants]);
  const [whole, ...rest] = relevance ? [relevance.probabilities, ...predicted] : predicted;
  const evidence = diseases.map((_, c) =>
    chosen
      .map((unit, i) => ({ unit, weight: logOdds(whole[c]) - logOdds(rest[i][c]) }))
      .filter(({ weight }) => Math.abs(weight) >= leastWeight)
      .sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight))
      .map(({ unit, weight }) => evidenceOf(unit, weight, quoted, input)),
  );
  return {
    probabilities: whole,
    for: evidence.map((list) => list.filter(({ weight }) => weight > 0).slice(0, mostShown)),
    against: evidence.map((list) => list.filter(({ weight }) => weight < 0).slice(0, mostShown)),
  };
}

function evidenceOf({ start, end, items }: Unit, weight: number, text: string, input: ModelInput): Evidence {
  // What was heard over the lungs is words; a number or a test's result is a value.
  const item =
    items.find((i) => input.items[i].unit !== "") ?? items.find((i) => input.items[i].code !== "auscultation");
  const span = { start, end, text: text.slice(start, end), weight };
  return item === undefined ? { kind: "text", ...span } : { kind: "value", ...span, item };
}

/**
 * The units that matter most by the model's own relevance: every second one for or against the most probable disease, the others in turn the
 * best for and the best against each disease.
 */
export function chooseByRelevance(
  { text, items }: Pick<Relevance, "text" | "items">,
  units: readonly Unit[],
  tries: number,
  probabilities: readonly number[],
): Unit[] {
  const known = diseases.flatMap((_, c) => (Number.isNaN(probabilities[c]) ? [] : [c]));
  const order = [...units.keys()];
  const queues = known
    .toSorted((a, b) => probabilities[b] - probabilities[a])
    .flatMap((c, place) => {
      const scores = relevanceOfUnits(text[c], items[c], units);
      if (place === 0) return [order.toSorted((a, b) => Math.abs(scores[b]) - Math.abs(scores[a]))];
      return [order.toSorted((a, b) => scores[b] - scores[a]), order.toSorted((a, b) => scores[a] - scores[b])];
    });
  const [leading, ...others] = queues;
  const chosen = new Set<number>();
  const take = (queue: readonly number[]) => {
    const next = queue.find((unit) => !chosen.has(unit));
    if (next !== undefined) chosen.add(next);
  };
  for (let turn = 0; chosen.size < Math.min(tries, units.length); turn++) {
    if (turn % 2 === 0 || others.length === 0) take(leading);
    else take(others[((turn - 1) / 2) % others.length]);
  }
  return [...chosen].map((i) => units[i]);
}

function relevanceOfUnits(text: Float32Array, items: Float32Array, units: readonly Unit[]): number[] {
  const sums = new Float64Array(text.length + 1);
  for (let at = 0; at < text.length; at++) sums[at + 1] = sums[at] + text[at];
  const upTo = (at: number): number => sums[Math.min(at, text.length)];
  return units.map((unit) => upTo(unit.end) - upTo(unit.start) + unit.items.reduce((sum, i) => sum + items[i], 0));
}

/** By deletion, round after round: of groups of neighbours those that changed most are halved, until they are single units. */
async function chooseByGroups(
  model: DiagnosisModel,
  input: ModelInput,
  units: readonly Unit[],
  tries: number,
): Promise<Unit[]> {
  const size = Math.ceil(units.length / tries);
  let groups = Array.from({ length: Math.ceil(units.length / size) }, (_, g) => units.slice(g * size, (g + 1) * size));
  while (groups.some(({ length }) => length > 1)) {
    const [whole, ...rest] = await model.predict([input, ...groups.map((group) => without(input, group))]);
    const scores = diseases.map((_, c) =>
      rest.map((row) => (Number.isNaN(row[c]) ? 0 : logOdds(whole[c]) - logOdds(row[c]))),
    );
    const order = [...groups.keys()].sort((a, b) => largest(scores, b) - largest(scores, a));
    groups = order.slice(0, tries >> 1).flatMap((g) => {
      const half = Math.ceil(groups[g].length / 2);
      return groups[g].length === 1 ? [groups[g]] : [groups[g].slice(0, half), groups[g].slice(half)];
    });
  }
  return groups.flat();
}

function largest(scores: readonly (readonly number[])[], g: number): number {
  return Math.max(...scores.map((row) => Math.abs(row[g])));
}
