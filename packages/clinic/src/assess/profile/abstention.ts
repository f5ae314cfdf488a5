import type { Example } from "../../examples/index.ts";
import type { Item } from "../../extract/index.ts";
import { respiratoryMentions } from "../scope/index.ts";

/** From where on a ranking is not to be leaned on, and what validation notes said of that. */
export interface Abstention {
  /** Unsureness of a note from which on it is "uncertain". */
  readonly unsure: number;
  /** Share of validation notes that are answered, and the share of wrong calls among theirs; among all notes. */
  readonly coverage: number;
  readonly risk: number;
  readonly riskOfAll: number;
  /** Findings and values of a note, below which it has "little-information". */
  readonly leastInformation: number;
}

/** Mean distance of a note's probabilities from a sure call: the share of wrong calls that the model expects of itself. */
export function unsureness(probabilities: readonly number[]): number {
  const known = probabilities.filter((p) => !Number.isNaN(p));
  return known.reduce((sum, p) => sum + Math.min(p, 1 - p), 0) / Math.max(1, known.length);
}

/** What the airways' findings and measured values of a note are in number: of words each kind once. */
export function informationIn(text: string, items: readonly Item[]): number {
  const words = new Set(respiratoryMentions(text).map(({ start, end }) => text.slice(start, end).toLowerCase()));
  const values = new Set(
    items.filter(({ code, status }) => status === "current" && !notInformative.has(code)).map(({ code }) => code),
  );
  return words.size + values.size;
}

/** Age and weight say who a child is, not what it has. */
const notInformative: ReadonlySet<string> = new Set(["30525-0", "29463-7"]);

/** The answered are to have at most this share of the risk of all, and at least this share of notes is answered. */
const target = { risk: 0.8, coverage: 0.75 } as const;
/** A note with fewer findings is one with little information where such notes' risk is this many times that of all. */
const worse = 1.25;
const fewest = 30;

/**
 * Thresholds by risk and coverage on validation notes: answered notes, the surest first, are as many as keep the share of wrong calls
 * ("has it" from one half on) at or below 0.8 of that of all notes, and no fewer than three quarters. null where there are too few notes.
 */
export function fitAbstention(
  validation: readonly Example[],
  probabilities: readonly (readonly number[])[],
  information: readonly number[],
): Abstention | null {
  const notes = validation
    .map(({ labels }, n) => {
      const calls = labels.flatMap((label, c) => {
        const p = probabilities[n][c];
        return label === undefined || Number.isNaN(p) ? [] : [(p >= 0.5 ? 1 : 0) === label ? 0 : 1];
      });
      const risk = calls.reduce<number>((sum, wrong) => sum + wrong, 0) / calls.length;
      return { unsure: unsureness(probabilities[n]), risk, information: information[n] };
    })
    .filter(({ risk }) => !Number.isNaN(risk))
    .sort((a, b) => a.unsure - b.unsure);
  if (notes.length < fewest) return null;
  const riskOfAll = notes.reduce((sum, { risk }) => sum + risk, 0) / notes.length;
  let answered = Math.ceil(target.coverage * notes.length);
  let wrong = notes.slice(0, answered).reduce((sum, { risk }) => sum + risk, 0);
  for (let n = answered, sum = wrong; n < notes.length; n++) {
    sum += notes[n].risk;
    if (sum / (n + 1) > target.risk * riskOfAll) continue;
    answered = n + 1;
    wrong = sum;
  }
  return {
    unsure: notes[answered]?.unsure ?? 0.5,
    coverage: answered / notes.length,
    risk: wrong / answered,
    riskOfAll,
    leastInformation: leastInformation(notes, riskOfAll),
  };
}

function leastInformation(notes: readonly { risk: number; information: number }[], riskOfAll: number): number {
  let least = 1;
  for (let count = 2; count <= 4; count++) {
    const poor = notes.filter(({ information }) => information < count);
    const risk = poor.reduce((sum, note) => sum + note.risk, 0) / poor.length;
    if (poor.length >= fewest && risk >= worse * riskOfAll) least = count;
  }
  return least;
}
