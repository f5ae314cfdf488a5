import {
  type Assessment,
  type Candidate,
  diseaseNames,
  diseases,
  type Evidence,
  type Language,
  noneLikely,
  noOrder,
  severityNames,
} from "@baltoro/clinic";
import { harmless, type Paint } from "./paint.ts";
import { valueLines } from "./values.ts";
import { clip, padEnd, padStart, textWidth, wrap } from "./width.ts";
import { type PageWords, pageWords } from "./words.ts";

export interface PageOptions {
  readonly language: Language;
  /** Columns; at least 40. */
  readonly width: number;
  readonly paint: Paint;
}

/** An assessment for a terminal, line by line: what is dangerous first, what is not known last. */
export function assessmentPage(assessment: Assessment, options: PageOptions): string[] {
  const { language, paint } = options;
  const width = Math.max(40, options.width);
  const words = pageWords[language];
  const heading = (title: string, note = ""): string[] => {
    const text = note ? `${title} · ${note}` : title;
    return [
      "",
      `${paint.bold(title)}${note ? paint.dim(` · ${note}`) : ""} ${paint.dim("─".repeat(Math.max(0, width - textWidth(text) - 1)))}`,
    ];
  };
  const { ageMonths } = assessment.patient;
  const { name, version, hash } = assessment.model;
  const age = ageMonths === undefined ? words.ageUnknown : words.age(ageMonths);
  return [
    `${paint.bold(words.title)} · ${age}`,
    paint.dim(clip(`${name} ${version} ${hash.slice(0, 12)}`, width)),
    ...heading(words.redFlags),
    ...redFlagLines(assessment, words, options, width),
    ...heading(words.values),
    ...valueLines(assessment.items, ageMonths, language, words, paint, width),
    ...(assessment.scope.inside
      ? [
          ...heading(words.differential, words.interval),
          ...abstentionLines(assessment, words, options, width),
          ...differentialLines(assessment.differential, words, options, width),
          ...heading(words.evidence),
          ...assessment.differential.flatMap((candidate) => evidenceLines(candidate, words, options, width)),
          ...(assessment.missing.length > 0
            ? [...heading(words.missing), ...missingLines(assessment, words, options, width)]
            : []),
        ]
      : [
          ...heading(words.outside),
          ...assessment.scope.reasons.flatMap((reason) => hang("  – ", wrap(words.reasons[reason], width - 4))),
        ]),
    ...heading(words.notices),
    ...assessment.notices.flatMap((notice) => hang("  – ", wrap(notice[language], width - 4))).map(paint.dim),
  ];
}

/** Lines whose first has a mark and whose others stand under its text. */
function hang(mark: string, lines: readonly string[]): string[] {
  return lines.map((line, i) => `${i === 0 ? mark : " ".repeat(textWidth(mark))}${line}`);
}

function redFlagLines(
  { redFlags }: Assessment,
  words: PageWords,
  { language, paint }: PageOptions,
  width: number,
): string[] {
  if (redFlags.length === 0) return wrap(words.noRedFlags, width - 2).map((line) => `  ${line}`);
  // Each guideline is named once, below the signs, under its number.
  const sources = [...new Set(redFlags.map(({ source }) => source))];
  const signs = redFlags.flatMap(({ severity, message, source, spans }) => {
    const label = `▲ ${severityNames[severity][language].toUpperCase()} `;
    const colour = severity === "emergency" ? paint.red : paint.yellow;
    const quotes = [...new Set(spans.map(({ text }) => `“${clip(harmless(text), 24)}”`))].slice(0, 3).join(" ");
    const number = `[${sources.indexOf(source) + 1}]`;
    const text = wrap(`${message[language]}  ${quotes} ${number}`, width - textWidth(label) - 2);
    return hang(label, text).map((line, i) => `  ${i === 0 ? colour(paint.bold(line)) : line}`);
  });
  const named = sources.flatMap((source, i) => hang(`    [${i + 1}] `, wrap(source, width - 8)).map(paint.dim));
  return [...signs, ...named];
}

function abstentionLines(
  { abstention }: Assessment,
  words: PageWords,
  { language, paint }: PageOptions,
  width: number,
): string[] {
  if (!abstention) return [];
  return hang("  ! ", wrap(`${words.caution}: ${abstention.message[language]}`, width - 4)).map((line) =>
    paint.yellow(line),
  );
}

const percent = (p: number): string => `${Math.round(100 * p)}`;

/** A line a disease: name, bar with its interval, percent. */
function differentialLines(
  candidates: readonly Candidate[],
  words: PageWords,
  { language, paint }: PageOptions,
  width: number,
): string[] {
  const names = candidates.map(({ disease }) => diseaseNames[disease][language]);
  const nameWidth = Math.min(Math.max(...names.map(textWidth)), Math.floor(width / 3));
  const bar = Math.max(10, Math.min(60, width - nameWidth - 24));
  const lines = candidates.map(({ probability, low, high, plausible }, i) => {
    const name = padEnd(clip(names[i], nameWidth), nameWidth);
    const numbers = `${padStart(percent(probability), 3)} % (${percent(low)}–${percent(high)})`;
    return `${plausible ? "●" : " "} ${plausible ? paint.bold(name) : name}  ${barOf(probability, low, high, bar, paint)}  ${numbers}`;
  });
  const none = candidates.some(({ plausible }) => plausible) ? [] : hang("  ! ", wrap(noneLikely[language], width - 4));
  return [
    ...none.map(paint.yellow),
    ...lines,
    ...wrap(words.plausible, width - 2).map((line) => `  ${paint.dim(line)}`),
  ];
}

/** ████▓▓▒▒····: full up to the probability or the interval's low end, then what is not sure, up to its high end. */
function barOf(probability: number, low: number, high: number, width: number, paint: Paint): string {
  const at = (p: number): number => Math.round(p * width);
  let bar = "";
  for (let x = 0; x < width; x++) {
    const filled = x < at(probability);
    const within = x >= at(low) && x < at(high);
    bar += filled ? (within ? "▓" : "█") : within ? "░" : "·";
  }
  return paint.green(bar);
}

function evidenceLines(
  { disease, probability, for: pro, against }: Candidate,
  words: PageWords,
  { language, paint }: PageOptions,
  width: number,
): string[] {
  if (pro.length + against.length === 0) return [];
  const row = (list: readonly Evidence[], label: string, sign: string, colour: (text: string) => string): string[] =>
    list.map(({ text, weight }, i) => {
      const mark = `    ${padEnd(i === 0 ? label : "", Math.max(textWidth(words.pro), textWidth(words.contra)))} `;
      const size = `${sign}${Math.abs(weight).toFixed(1)}`;
      const room = width - textWidth(mark) - 7;
      return `${paint.dim(mark)}${colour(padStart(size, 5))}  ${clip(harmless(text) || "—", room)}`;
    });
  return [
    `  ${paint.bold(diseaseNames[disease][language])} ${paint.dim(`${percent(probability)} %`)}`,
    ...row(pro, words.pro, "+", paint.green),
    ...row(against, words.contra, "−", paint.red),
  ];
}

function missingLines(
  { missing }: Assessment,
  words: PageWords,
  { language, paint }: PageOptions,
  width: number,
): string[] {
  const nameWidth = Math.min(30, Math.max(...missing.map(({ display }) => textWidth(display[language]))));
  const lines = missing.map(({ display, gain, change }) => {
    const [most] = diseases.toSorted((a, b) => change[b] - change[a]);
    const moved = `${words.moves} ${diseaseNames[most][language]} ±${percent(change[most])} %`;
    const start = `  ${padEnd(clip(display[language], nameWidth), nameWidth)}  ${gain.toFixed(2)} ${words.gain}`;
    return `${start}  ${paint.dim(clip(moved, Math.max(4, width - textWidth(start) - 2)))}`;
  });
  return [...lines, ...wrap(noOrder[language], width - 2).map((line) => `  ${paint.dim(line)}`)];
}
