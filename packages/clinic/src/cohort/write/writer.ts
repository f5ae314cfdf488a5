import { readFileSync } from "node:fs";
import { findings, fromScale, type Patient, type Random, values } from "../model/index.ts";
import type { Family } from "./family.ts";
import { type Manner, type Printed, print, quantities } from "./quantities.ts";

interface Phrase {
  readonly pos?: readonly string[];
  readonly neg?: readonly string[];
  readonly parentPos?: readonly string[];
  readonly parentNeg?: readonly string[];
  readonly levels?: Readonly<Record<string, readonly string[]>>;
  readonly parent?: Readonly<Record<string, readonly string[]>>;
}

const phrases = Object.fromEntries(
  (["zh", "en"] as const).map((language) => {
    const text = readFileSync(new URL(`../data/phrases.${language}.json`, import.meta.url), "utf8");
    return [language, JSON.parse(text) as Readonly<Record<string, Phrase>>];
  }),
);

/** What a family writes from: the patient in words and numbers, in its language and voice. All randomness comes from one generator. */
export interface Writer {
  readonly random: Random;
  readonly patient: Patient;
  readonly male: boolean;
  /** Present, absent, silent: as the note may tell it. */
  is(id: string): boolean;
  denied(id: string): boolean;
  level(id: string): string | undefined;
  /** Phrases of what is present, in a random order; each finding is said once a note. */
  present(ids: readonly string[]): string[];
  absent(ids: readonly string[]): string[];
  /** Days of fever or cough, if told. */
  readonly feverDays?: number;
  readonly coughDays?: number;
  /** A value as printed ("T 38.6℃"), or undefined; it enters the truth. */
  value(id: string): string | undefined;
  /** The amount alone ("38.6℃"). */
  amount(id: string): string | undefined;
  /** Those of the ids that there are. */
  values(ids: readonly string[]): string[];
  /** A value of another person or time, which is no truth. */
  other(id: string, value: number): string;
  /** Canonical, as it was measured. */
  raw(id: string): number | undefined;
  /** Says an age; `months` is what the words say. */
  age(months: number): void;
  /** One of some words; those with `*` in held-out families alone, with `24+` from that age in months on. */
  pick(list: readonly string[]): string;
  maybe(probability: number, text: () => string): string;
  readonly truth: Record<string, number | string>;
  /** What the child's note should tell and does not: nothing, once a family has written it. */
  unsaid(): string[];
}

const chestSigns = ["fineCrackles", "rhonchi", "wheezeHeard", "reducedBreath", "longExpiration"];

/** Days that a level stands for. */
const days: Readonly<Record<string, readonly [number, number]>> = {
  ...{ day: [1, 1], days: [2, 4], long: [5, 9] },
  ...{ short: [1, 3], week: [4, 7], weeks: [8, 28], chronic: [35, 120] },
};

export function createWriter(random: Random, patient: Patient, family: Family): Writer {
  const { language, voice, heldOut = false } = family;
  const male = random.chance(0.56);
  const words = phrases[language];
  const truth: Record<string, number | string> = {};
  const manner = drawManner(random, language === "zh");
  const told = new Map(findings.map(({ id }, i) => [id, patient.told[i]]));
  const raw = rawValues(random, patient);
  const said = new Set<string>();
  const used = new Set<string>();

  const pick = (list: readonly string[]): string => {
    const usable = list.filter(
      (text) => (heldOut || !text.startsWith("*")) && patient.ageMonths >= Number(/^(\d+)\+/.exec(text)?.[1] ?? 0),
    );
    return random.pick(usable).replace(/^(?:\*|\d+\+)/, "");
  };
  const fill = (text: string): string =>
    text.replace(/\{(\w+)\}/g, (_, name: string) => {
      if (name === "n2") return String(random.integer(2, 4));
      if (name === "n3") return String(random.integer(2, 5));
      if (name === "n4") return String(random.integer(3, 6));
      return { he: male ? "he" : "she", his: male ? "his" : "her", him: male ? "him" : "her" }[name] ?? name;
    });
  const level = (id: string): string | undefined => {
    const is = told.get(id);
    return typeof is === "number" ? findings.find((row) => row.id === id)!.levels![is] : undefined;
  };
  const daysOf = (id: string): number | undefined => {
    const name = level(id);
    return name === undefined ? undefined : random.integer(...days[name]);
  };
  const presentPhrase = (id: string): string | undefined => {
    const phrase = words[id];
    const name = level(id);
    if (name !== undefined && phrase?.levels)
      return fill(pick((voice === "parent" ? phrase.parent?.[name] : undefined) ?? phrase.levels[name]));
    if (told.get(id) !== "present" || !phrase) return undefined;
    return fill(pick((voice === "parent" ? phrase.parentPos : undefined) ?? phrase.pos!));
  };
  const absentPhrase = (id: string): string | undefined => {
    if (told.get(id) !== "absent" || !words[id]) return undefined;
    // "Lungs clear" beside a wheeze would contradict it.
    if (id === "coarseBreath" && chestSigns.some((sign) => told.get(sign) === "present"))
      return language === "zh"
        ? random.pick(["呼吸音不粗", "呼吸音尚清"])
        : random.pick(["breath sounds not coarse", "otherwise vesicular breath sounds"]);
    return fill(pick((voice === "parent" ? words[id].parentNeg : undefined) ?? words[id].neg!));
  };
  const once = (ids: readonly string[], phrase: (id: string) => string | undefined): string[] =>
    random.shuffle(ids).flatMap((id) => {
      if (said.has(id)) return [];
      const text = phrase(id);
      if (text === undefined) return [];
      said.add(id);
      return [text];
    });
  const printed = (id: string): Printed | undefined => {
    const value = raw.get(id);
    if (value === undefined) return undefined;
    used.add(id);
    const result = print(random, manner, language, id, value, values.find((row) => row.id === id)?.below);
    truth[result.code] = result.value;
    return result;
  };
  const value = (id: string): string | undefined => printed(id)?.text;
  return {
    ...{ random, patient, male, truth, level, pick, value },
    feverDays: daysOf("feverDuration"),
    coughDays: daysOf("coughDuration"),
    is: (id) => told.get(id) === "present",
    denied: (id) => told.get(id) === "absent",
    present: (ids) => once(ids, presentPhrase),
    absent: (ids) => once(ids, absentPhrase),
    amount: (id) => printed(id)?.amount,
    values: (ids) => ids.flatMap((id) => value(id) ?? []),
    other: (id, canonical) => print(random, { ...manner, wrongUnit: 0 }, language, id, canonical).text,
    raw: (id) => raw.get(id),
    age(months) {
      truth["30525-0"] = months;
    },
    unsaid: () => [
      ...findings.flatMap(({ id }, i) => (patient.told[i] === "silent" || !words[id] || said.has(id) ? [] : id)),
      ...[...raw.keys()].filter((id) => id in quantities && id !== "weight" && !used.has(id)),
    ],
    maybe: (probability, text) => (random.chance(probability) ? text() : ""),
  };
}

function drawManner(random: Random, chinese: boolean): Manner {
  return {
    link: random.pick(chinese ? ["", " ", "：", ":", ""] : [" ", " ", ": ", " of ", " "]),
    units: random.chance(0.78),
    wrongUnit: 0.015,
    arrows: random.chance(0.1),
    ranges: random.chance(0.08),
    choice: new Map(),
  };
}

/** Canonical values by the id of the quantity, rounded as a machine reports them; and what follows from them without new information. */
function rawValues(random: Random, patient: Patient): Map<string, number> {
  const raw = new Map<string, number>();
  values.forEach((row, i) => {
    const x = patient.measured[i];
    if (x === undefined) return;
    const value = Math.round(fromScale(row, x) / row.step) * row.step;
    raw.set(row.id, row.invert === undefined ? value : row.invert - value);
  });
  const neutrophils = raw.get("neutrophilPercent");
  if (neutrophils !== undefined) {
    const share = raw.get("eosinophilShare");
    const eosinophils = share === undefined ? undefined : (share * (100 - neutrophils)) / 100;
    if (eosinophils !== undefined) raw.set("eosinophilPercent", eosinophils);
    // Lymphocytes are most of what is left, whatever the child has: nothing new is said.
    if (random.chance(0.6))
      raw.set("lymphocytePercent", (100 - neutrophils - (eosinophils ?? 2)) * (0.82 + 0.1 * random.uniform()));
  }
  if (random.chance(patient.setting === "primary" ? 0.4 : 0.75)) raw.set("weight", weightOf(random, patient.ageMonths));
  return raw;
}

/** Kilograms, by the usual rule of thumb (APLS): months / 2 + 4 below a year, 2 × years + 8 to five, 3 × years + 7 above; ± 12 %. */
function weightOf(random: Random, months: number): number {
  const years = months / 12;
  const middle = months < 12 ? months / 2 + 4 : years <= 5 ? 2 * years + 8 : 3 * years + 7;
  return Math.round(middle * Math.exp(0.12 * random.normal()) * 10) / 10;
}
