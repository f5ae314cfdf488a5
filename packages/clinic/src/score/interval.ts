import type { Matching } from "./match.ts";
import { scoreOf } from "./score.ts";

export interface IntervalOptions {
  /** Draws of all notes with replacement. Default 2000. */
  readonly draws?: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** 95 % percentile interval of F1 by drawing whole notes, since the items of one note succeed or fail together. */
export function f1Interval(notes: readonly Matching[], { draws = 2000, random }: IntervalOptions): [number, number] {
  if (notes.length === 0) return [Number.NaN, Number.NaN];
  const values = Array.from({ length: draws }, () => {
    let [labels, found, matched] = [0, 0, 0];
    for (let i = 0; i < notes.length; i++) {
      const note = notes[Math.floor(random() * notes.length)];
      matched += note.matched.length;
      labels += note.matched.length + note.missed.length;
      found += note.matched.length + note.spurious.length;
    }
    return scoreOf(labels, found, matched).f1;
  })
    .filter(Number.isFinite)
    .sort((a, b) => a - b);
  const at = (q: number) => values[Math.min(values.length - 1, Math.floor(q * values.length))] ?? Number.NaN;
  return [at(0.025), at(0.975)];
}
