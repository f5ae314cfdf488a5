import { isLetter } from "../lexicon/index.ts";
import type { Finding } from "./finding.ts";
import type { Note } from "./note.ts";
import { inHan } from "./unnamed.ts";

/**
 * Weight in kg that half of children of an age in months reach, to within a few per cent: Weech's formulas as in Nelson Textbook of
 * Pediatrics (3–12 months (months + 9)/2, 1–6 years 2·years + 8, 7–12 years (7·years − 5)/2).
 */
export function medianWeight(months: number): number {
  const years = months / 12;
  if (months < 3) return 3.3 + months;
  if (months < 12) return (months + 9) / 2;
  if (years < 7) return 2 * years + 8;
  return Math.min((7 * years - 5) / 2, 60);
}

/**
 * A Chinese note that prints no unit gives weight in kilograms or in 斤, half of one. Where the child's age is known and only 斤 fits
 * it, the value is halved.
 */
export function settleWeights(note: Note, findings: readonly Finding[]): Finding[] {
  const age = findings.find(({ code }) => code === "30525-0")?.low;
  if (age === undefined || age > 144) return [...findings];
  const median = medianWeight(age);
  return findings.map((finding) => {
    const { code, low, high, printed } = finding;
    if (code !== "29463-7" || printed || !inHan(note, finding.from)) return finding;
    // Wt and BW are a doctor's words, who weighs in kilograms.
    if (isLetter(note.codes[note.tokens.start[finding.nameAt]])) return finding;
    const halved = low > 1.7 * median && low / 2 > 0.6 * median && low / 2 < 1.5 * median;
    return halved ? { ...finding, low: low / 2, high: high / 2 } : finding;
  });
}
