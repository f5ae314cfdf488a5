import {
  type Assessment,
  type Candidate,
  diseaseNames,
  type Evidence,
  type Language,
  noneLikely,
  noOrder,
  type RedFlag,
  severityNames,
} from "../diagnosis/index.ts";
import { cut, escapeMarkdown } from "./markdown.ts";

export interface Coding {
  readonly code: string;
  readonly system: string;
  readonly display: string;
}

/** A card of CDS Hooks 2.0. */
export interface Card {
  readonly uuid: string;
  /** Shorter than 140 characters. */
  readonly summary: string;
  /** GitHub Flavored Markdown. */
  readonly detail: string;
  readonly indicator: "info" | "warning" | "critical";
  readonly source: { readonly label: string };
  readonly overrideReasons: readonly Coding[];
}

/** CDS Hooks: shorter than 140. UTF-16 code units, the strictest way to count. */
const maxSummary = 139;

/** Why a clinician may set a card aside; only these codes are kept of what comes back. */
export const overrideReasons: readonly Coding[] = [
  ["not-the-problem", "Not the patient's present problem"],
  ["known", "Already considered"],
  ["disagree", "Does not fit the clinical picture"],
  ["wrong-data", "The note was read wrongly"],
].map(([code, display]) => ({ code, system: "urn:baltoro:override-reasons", display }));

/**
 * Cards of an assessment: signs of danger first, then the ranking as a whole, never one disease alone. Outside the scope there is no
 * ranking, and no card of it.
 */
export function cardsOf(
  assessment: Assessment,
  language: Language,
  warnings: readonly string[],
  newId: () => string,
): Card[] {
  const { name, version, hash } = assessment.model;
  const card = (indicator: Card["indicator"], summary: string, detail: string): Card => ({
    ...{ uuid: newId(), summary: fit(summary), detail, indicator },
    source: { label: `Baltoro ${name} ${version} (${hash.slice(0, 12)})` },
    overrideReasons,
  });
  const cards: Card[] = [];
  const { redFlags } = assessment;
  if (redFlags.length > 0) {
    const emergency = redFlags.some(({ severity }) => severity === "emergency");
    const title = { en: "Red flags", zh: "危险信号" }[language];
    const summary = `${title}: ${redFlags.map(({ message }) => message[language]).join("; ")}`;
    cards.push(
      card(emergency ? "critical" : "warning", summary, redFlags.map((flag) => flagLine(flag, language)).join("\n")),
    );
  }
  if (assessment.scope.inside && assessment.differential.length > 0) {
    const ranked = assessment.differential.map(
      ({ disease, probability }) => `${diseaseNames[disease][language]} ${percent(probability)}`,
    );
    const title = { en: "For your judgement, ranked", zh: "供您判断，按可能性排序" }[language];
    cards.push(card("info", `${title}: ${ranked.join(", ")}`, rankingDetail(assessment, language, warnings)));
  }
  return cards;
}

function fit(summary: string): string {
  const clean = summary.toWellFormed().replace(/\s+/g, " ").trim();
  for (let most = maxSummary; ; most--) {
    const text = cut(clean, most);
    if (text.length <= maxSummary) return text;
  }
}

function flagLine({ message, severity, source, spans }: RedFlag, language: Language): string {
  const quotes = spans.map(({ text }) => quote(text)).filter((text) => text !== "");
  const where = quotes.length === 0 ? "" : `: ${quotes.join(", ")}`;
  return `- **${escapeMarkdown(message[language])}** (${severityNames[severity][language]})${where}. _${escapeMarkdown(source, 200)}_`;
}

function rankingDetail(assessment: Assessment, language: Language, warnings: readonly string[]): string {
  const words = {
    en: ["disease", "probability", "90% interval", "for", "against", "Not in the note, most information", "Not used"],
    zh: ["疾病", "概率", "90%区间", "支持", "反对", "病历中没有、信息量最大的检查", "未采用"],
  }[language];
  const row = (candidate: Candidate) =>
    `| ${[
      diseaseNames[candidate.disease][language],
      percent(candidate.probability),
      `${percent(candidate.low)}–${percent(candidate.high)}`,
      evidenceOf(candidate.for),
      evidenceOf(candidate.against),
    ].join(" | ")} |`;
  const missing = assessment.missing.slice(0, 3).map(({ display }) => escapeMarkdown(display[language]));
  const lines = [
    ...(assessment.abstention === undefined
      ? []
      : [`**${escapeMarkdown(assessment.abstention.message[language], 300)}**`, ""]),
    ...(assessment.differential.some(({ plausible }) => plausible)
      ? []
      : [`**${escapeMarkdown(noneLikely[language], 300)}**`, ""]),
    `| ${words.slice(0, 5).join(" | ")} |`,
    "| --- | --- | --- | --- | --- |",
    ...assessment.differential.map(row),
    ...(missing.length === 0
      ? []
      : ["", `${words[5]}: ${missing.join(", ")}. _${escapeMarkdown(noOrder[language], 300)}_`]),
    ...(warnings.length === 0
      ? []
      : ["", `${words[6]}:`, ...warnings.slice(0, 10).map((warning) => `- ${escapeMarkdown(warning, 200)}`)]),
    "",
    ...assessment.notices.map((notice) => `_${escapeMarkdown(notice[language], 400)}_`),
  ];
  return lines.join("\n");
}

function evidenceOf(evidence: readonly Evidence[]): string {
  const quotes = evidence.slice(0, 3).map(({ text }) => quote(text));
  return quotes.filter((text) => text !== "").join(", ") || "–";
}

function quote(text: string): string {
  const escaped = escapeMarkdown(text, 60);
  return escaped === "" ? "" : `“${escaped}”`;
}

const percent = (share: number) => `${Math.round(share * 100)}%`;
