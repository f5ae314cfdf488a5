import { type Item, type Language, measures, referenceRange } from "@baltoro/clinic";
import { harmless, type Paint } from "./paint.ts";
import { clip, padEnd, textWidth } from "./width.ts";
import type { PageWords } from "./words.ts";

/** Codes without an entry among the measures: tests in words. */
const testNames: Readonly<Record<string, Readonly<Record<Language, string>>>> = {
  "36643-5": { en: "Chest X-ray", zh: "胸片" },
  "chest-ct": { en: "Chest CT", zh: "胸部CT" },
  auscultation: { en: "Auscultation", zh: "肺部听诊" },
  "80382-5": { en: "Influenza A antigen", zh: "甲流抗原" },
  "97097-0": { en: "SARS-CoV-2 antigen", zh: "新冠抗原" },
  "mycoplasma-pneumoniae": { en: "Mycoplasma", zh: "肺炎支原体" },
  "respiratory-syncytial-virus": { en: "RSV", zh: "合胞病毒" },
  "influenza-b": { en: "Influenza B", zh: "乙流" },
  influenza: { en: "Influenza", zh: "流感" },
  adenovirus: { en: "Adenovirus", zh: "腺病毒" },
  "chlamydia-pneumoniae": { en: "Chlamydia pneumoniae", zh: "肺炎衣原体" },
};

/** UCUM as people write it. */
const unitNames: Readonly<Record<string, string>> = {
  Cel: "℃",
  "10*9/L": "×10⁹/L",
  "mm[Hg]": "mmHg",
  mo: "mo",
  "[pH]": "",
};

export function nameOf(code: string, language: Language): string {
  const measure = measures.get(code);
  return (language === "zh" ? measure?.displayZh : measure?.display) ?? testNames[code]?.[language] ?? code;
}

const ageCode = "30525-0";

function numberText({ value, low, high, comparator }: Item): string {
  const short = (x: number | undefined): string => String(Math.round((x ?? Number.NaN) * 100) / 100);
  return value === undefined ? `${short(low)}–${short(high)}` : `${comparator ?? ""}${short(value)}`;
}

/** Values of one code in the order of the note, as a trend: 39.2 → 37.8. */
function trendText(items: readonly Item[], words: PageWords): string {
  const [{ result, unit }] = items;
  if (result !== undefined) {
    const results = items.map((item) => words.results[item.result ?? ""] ?? harmless(item.result ?? ""));
    return [...new Set(results)].join("; ");
  }
  const numbers = items.map(numberText);
  const shown = numbers.length > 4 ? [numbers[0], "…", ...numbers.slice(-2)] : numbers;
  return `${shown.join(" → ")} ${unitNames[unit] ?? unit}`.trimEnd();
}

/** The current values, one line a code: name, trend, flag and range. */
export function valueLines(
  items: readonly Item[],
  ageMonths: number | undefined,
  language: Language,
  words: PageWords,
  paint: Paint,
  width: number,
): string[] {
  const byCode = new Map<string, Item[]>();
  for (const item of items) {
    if (item.status !== "current" || item.code === ageCode) continue;
    byCode.set(item.code, [...(byCode.get(item.code) ?? []), item]);
  }
  const left = items.filter(({ status }) => status !== "current").length;
  const rows = [...byCode].map(([code, own]) => ({
    name: nameOf(code, language),
    own,
    code,
    text: trendText(own, words),
  }));
  const nameWidth = Math.min(36, Math.max(0, ...rows.map(({ name }) => textWidth(name))));
  const lines = rows.map(({ name, own, code, text }) => {
    const flag = own.at(-1)?.flag;
    const range = ageMonths === undefined ? undefined : referenceRange(code, ageMonths);
    const mark = flag === "H" ? paint.red("↑") : flag === "L" ? paint.blue("↓") : " ";
    const room = width - nameWidth - 8;
    const rangeText = range ? `(${range.low}–${range.high})` : "";
    const fits = textWidth(text) + textWidth(rangeText) + 2 <= room;
    const value = clip(text, room);
    return `  ${padEnd(clip(name, nameWidth), nameWidth)}  ${mark} ${flag === "H" || flag === "L" ? paint.bold(value) : value}${fits && rangeText ? `  ${paint.dim(rangeText)}` : ""}`;
  });
  if (lines.length === 0) lines.push(`  ${words.noValues}`);
  if (left > 0) lines.push(`  ${paint.dim(clip(words.others(left), width - 2))}`);
  return lines;
}
