import type { RedFlag } from "../../diagnosis/index.ts";
import type { Item } from "../../extract/index.ts";
import { measuredSigns, slowRefill, youngInfantFever } from "./measured.ts";
import { statedSigns } from "./stated.ts";

/**
 * Signs of danger in a note, by rules and guidelines and not by a model: emergencies first. A sign that the note denies, supposes, asks
 * for or tells of the past or of another person is none.
 */
export function findRedFlags(text: string, items: readonly Item[], ageMonths: number | undefined): RedFlag[] {
  const { flags, fever, refill } = statedSigns(text);
  const feverSpans = fever.map(({ start, end }) => ({ start, end, text: text.slice(start, end) }));
  const all = [
    ...measuredSigns(items, ageMonths),
    ...flags,
    ...slowRefill(text, refill),
    ...youngInfantFever(items, ageMonths, feverSpans),
  ];
  const has = (code: string) => all.some((flag) => flag.code === code);
  // The graver of two flags for one sign says it all.
  const graver: Readonly<Record<string, string>> = {
    stridor: "stridor-calm",
    "poor-feeding": "cannot-drink",
    drowsy: "lethargy",
    "respiratory-distress": "severe-respiratory-distress",
    hypoxaemia: "spo2-low",
    "fast-breathing-stated": "fast-breathing",
  };
  const kept = all.filter(({ code }) => !(code in graver && has(graver[code])));
  const rank = ({ severity }: RedFlag) => (severity === "emergency" ? 0 : 1);
  return kept
    .map((flag, i) => ({ flag, i }))
    .sort((a, b) => rank(a.flag) - rank(b.flag) || a.i - b.i)
    .map(({ flag }) => flag);
}
