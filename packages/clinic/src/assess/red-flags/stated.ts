import type { Language, RedFlag } from "../../diagnosis/index.ts";
import { buildVocabulary, findMentions, readData, type Sets, type TermEntry } from "../mentions/index.ts";

interface FlagEntry extends TermEntry {
  readonly severity: RedFlag["severity"];
  readonly source: string;
  readonly message: Readonly<Record<Language, string>>;
}

interface FlagFile {
  readonly sources: Readonly<Record<string, string>>;
  readonly sets: Sets;
  readonly flags: readonly FlagEntry[];
  readonly nothing: readonly string[];
  readonly capillaryRefill: readonly string[];
  readonly fever: readonly string[];
}

const file = readData<FlagFile>("red-flags");

/** Codes that are measured, found among the words: a fever of a young infant, a refill time. */
const feverCode = "fever";
const refillCode = "capillary-refill";

const vocabulary = buildVocabulary(
  [...file.flags, { code: feverCode, words: file.fever }, { code: refillCode, words: file.capillaryRefill }],
  file.sets,
  file.nothing,
);

const order = new Map(file.flags.map(({ code }, i) => [code, i]));

/** The guideline of a short name. */
export function sourceOf(name: string): string {
  const source = file.sources[name];
  if (!source) throw new Error(`there is no source ${name}`);
  return source;
}

/** What the words of a note say of danger. */
export interface StatedSigns {
  readonly flags: readonly RedFlag[];
  /** Where a fever of now is stated. */
  readonly fever: readonly Place[];
  /** Where a capillary refill time is named, of now. */
  readonly refill: readonly Place[];
}

interface Place {
  readonly start: number;
  readonly end: number;
}

/** Signs of danger stated in words: the patient's own, now. A sign has one flag, with all places that state it. */
export function statedSigns(text: string): StatedSigns {
  const places = new Map<string, Place[]>();
  for (const { code, start, end, status } of findMentions(text, vocabulary)) {
    if (status !== "present") continue;
    const list = places.get(code);
    if (list) list.push({ start, end });
    else places.set(code, [{ start, end }]);
  }
  const fever = places.get(feverCode) ?? [];
  const refill = places.get(refillCode) ?? [];
  const flags = [...places.keys()]
    .filter((code) => order.has(code))
    .sort((a, b) => order.get(a)! - order.get(b)!)
    .map((code) => {
      const { severity, message, source } = file.flags[order.get(code)!];
      const spans = places.get(code)!.map(({ start, end }) => ({ start, end, text: text.slice(start, end) }));
      return { code, severity, message, source: sourceOf(source), spans };
    });
  return { flags, fever, refill };
}
