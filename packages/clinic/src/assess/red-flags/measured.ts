import type { RedFlag, Span } from "../../diagnosis/index.ts";
import type { Item } from "../../extract/index.ts";
import { sourceOf } from "./stated.ts";

const pals = "American Heart Association, Pediatric Advanced Life Support Provider Manual, 2020: hypotension by age";

/** The lowest and highest that an item can be; a bound ("<90") is open on its other side. */
function boundsOf({ value, low, high, comparator }: Item): { low: number; high: number } {
  if (value === undefined) return { low: low ?? Number.NaN, high: high ?? Number.NaN };
  if (comparator === "<" || comparator === "<=") return { low: value - (comparator === "<" ? 1e-9 : 0), high: value };
  if (comparator) return { low: Number.NaN, high: Number.POSITIVE_INFINITY };
  return { low: value, high: value };
}

/** WHO's fast breathing, breaths a minute: from this on, by age in months. Over 5 years: more than 30, severe asthma by SIGN 158. */
export const fastBreathing: readonly { readonly before: number; readonly from: number; readonly source: string }[] = [
  { before: 2, from: 60, source: "pocket" },
  { before: 12, from: 50, source: "pocket" },
  { before: 60, from: 40, source: "pocket" },
  { before: 18 * 12, from: 31, source: "sign" },
];

/** Lowest systolic pressure, mm[Hg], that is not hypotension. */
export function lowestSystolic(months: number): number {
  if (months < 1) return 60;
  if (months < 12) return 70;
  return months < 120 ? 70 + 2 * Math.floor(months / 12) : 90;
}

function spanOf({ start, end, text }: Item): Span {
  return { start, end, text };
}

/** Items of one code, of the patient now, that pass. */
function those(
  items: readonly Item[],
  code: string,
  passes: (bounds: { low: number; high: number }) => boolean,
): Item[] {
  return items.filter((item) => item.code === code && item.status === "current" && passes(boundsOf(item)));
}

/** Signs of danger in the values that stage 1 found. */
export function measuredSigns(items: readonly Item[], ageMonths: number | undefined): RedFlag[] {
  const flags: RedFlag[] = [];
  const add = (
    code: string,
    severity: RedFlag["severity"],
    en: string,
    zh: string,
    source: string,
    found: readonly Item[],
  ): void => {
    if (found.length > 0) flags.push({ code, severity, message: { en, zh }, source, spans: found.map(spanOf) });
  };
  const low = those(items, "59408-5", ({ low: least }) => least < 90);
  if (low.length > 0)
    add("spo2-low", "emergency", "Oxygen saturation below 90 %", "血氧饱和度低于90%", sourceOf("pocket"), low);
  else
    add(
      ...(["spo2-low", "urgent", "Oxygen saturation below 92 %", "血氧饱和度低于92%", sourceOf("bts")] as const),
      those(items, "59408-5", ({ low: least }) => least < 92),
    );
  if (ageMonths === undefined) return flags;
  const band = fastBreathing.find(({ before }) => ageMonths < before);
  if (band) {
    const fast = those(items, "9279-1", ({ high }) => high >= band.from);
    const [en, zh] = [
      `Fast breathing for the age (from ${band.from} a minute)`,
      `呼吸频率超过该年龄界限（≥${band.from}次/分）`,
    ];
    add("fast-breathing", "urgent", en, zh, sourceOf(band.source), fast);
  }
  const least = lowestSystolic(ageMonths);
  const pressure = those(items, "8480-6", (bounds) => bounds.low < least);
  add(
    ...([
      "low-blood-pressure",
      "emergency",
      `Systolic pressure below ${least} mmHg`,
      `收缩压低于${least} mmHg`,
    ] as const),
    ...([pals, pressure] as const),
  );
  if (ageMonths < 2)
    add(
      ...(["young-infant-cold", "urgent", "Low temperature under 2 months", "2月龄以下体温过低"] as const),
      ...([sourceOf("imci"), those(items, "8310-5", ({ high }) => high < 35.5)] as const),
    );
  return flags;
}

/** Fever under three months: by the values, else by the words. */
export function youngInfantFever(
  items: readonly Item[],
  ageMonths: number | undefined,
  stated: readonly Span[],
): RedFlag[] {
  if (ageMonths === undefined || ageMonths >= 3) return [];
  const values = items.filter(
    (item) => item.code === "8310-5" && item.status === "current" && boundsOf(item).high >= 38,
  );
  const spans = values.length > 0 ? values.map(spanOf) : stated;
  if (spans.length === 0) return [];
  return [
    {
      ...{ code: "young-infant-fever", severity: "urgent" as const, source: sourceOf("nice"), spans },
      message: { en: "Fever under 3 months of age", zh: "3月龄以下发热" },
    },
  ];
}

const refill =
  /^[\s:：,，为是约时间延长>＞≥<＜≤小于大于超过]{0,8}?(小于|大于|超过|不超过|[<>＜＞≤≥])?\s*(?:is|was|of|about|greater than|more than|less than|at)?\s*(less than|greater than|more than|[<>＜＞≤≥])?\s*(\d{1,2})(?:\s*[-–~～]\s*(\d{1,2}))?\s*(?:s\b|sec|秒|")/i;

/** A capillary refill time of more than 3 s is a sign of shock (ETAT); from 3 s on NICE counts it. Reads a bounded stretch. */
export function slowRefill(
  text: string,
  places: readonly { readonly start: number; readonly end: number }[],
): RedFlag[] {
  let worst: { seconds: number; span: Span } | undefined;
  for (const { start, end } of places) {
    const match = refill.exec(text.slice(end, end + 32));
    if (!match) continue;
    const sign = match[1] ?? match[2] ?? "";
    if (/^(<|＜|≤|小于|不超过|less)/.test(sign)) continue;
    const seconds = Number(match[4] ?? match[3]) + (/^(>|＞|大于|超过|greater|more)/.test(sign) ? 0.5 : 0);
    const to = end + match[0].length;
    if (seconds >= 3 && seconds > (worst?.seconds ?? 0))
      worst = { seconds, span: { start, end: to, text: text.slice(start, to) } };
  }
  if (!worst) return [];
  const spans = [worst.span];
  return worst.seconds > 3
    ? [
        {
          ...{ code: "capillary-refill", severity: "emergency" as const, source: sourceOf("etat"), spans },
          message: { en: "Capillary refill over 3 seconds", zh: "毛细血管再充盈时间超过3秒" },
        },
      ]
    : [
        {
          ...{ code: "capillary-refill", severity: "urgent" as const, source: sourceOf("nice"), spans },
          message: { en: "Capillary refill of 3 seconds", zh: "毛细血管再充盈时间达3秒" },
        },
      ];
}
