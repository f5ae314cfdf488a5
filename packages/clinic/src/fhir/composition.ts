import { type Assessment, diseaseNames } from "../diagnosis/index.ts";
import type { BundleContext } from "./bundle.ts";
import type { BundleEntry, Resource } from "./types.ts";

interface Parts {
  readonly flags: readonly BundleEntry[];
  readonly observations: readonly BundleEntry[];
  readonly ranking: BundleEntry;
  readonly proposals: readonly BundleEntry[];
}

const titles = {
  document: { en: "Decision support for a pediatric respiratory note", zh: "儿科呼吸道病历辅助决策" },
  flags: { en: "Red flags", zh: "危险信号" },
  observations: { en: "Results read from the note", zh: "从病历读取的结果" },
  ranking: { en: "Ranked differential", zh: "鉴别诊断排序" },
  proposals: { en: "Tests that would tell most", zh: "建议补充的检查" },
} as const;

/** The head of a document: one section for each kind of result, with text for people. */
export function compositionOf(
  assessment: Assessment,
  parts: Parts,
  context: BundleContext,
): Resource & Record<string, unknown> {
  const { language } = context;
  const flags = assessment.redFlags.map(({ message, source }) => `${message[language]} (${source})`);
  const results = assessment.items
    .filter(({ status }) => status !== "other")
    .map(({ text, code, value, low, high, result, unit }) =>
      text === "" ? `${code}: ${result ?? value ?? `${low}-${high}`} ${unit}` : text,
    );
  const ranking = assessment.differential.map(
    ({ disease, probability, low, high }) =>
      `${diseaseNames[disease][language]}: ${percent(probability)} (${percent(low)}-${percent(high)})`,
  );
  const tests = assessment.missing.slice(0, parts.proposals.length).map(({ display }) => display[language]);
  const section = (title: keyof typeof titles, lines: readonly string[], entries: readonly BundleEntry[]) => ({
    title: titles[title][language],
    text: { status: "generated", div: narrative(lines) },
    ...(entries.length === 0 ? {} : { entry: entries.map(({ fullUrl }) => ({ reference: fullUrl })) }),
  });
  return {
    resourceType: "Composition",
    status: "preliminary",
    type: { text: "Clinical decision support report" },
    subject: context.subject,
    date: context.recorded,
    author: [{ reference: context.device }],
    title: titles.document[language],
    section: [
      section("flags", flags, parts.flags),
      section("ranking", [...assessment.notices.map((notice) => notice[language]), ...ranking], [parts.ranking]),
      section("observations", results, parts.observations),
      section("proposals", tests, parts.proposals),
    ],
  };
}

const percent = (share: number) => `${(share * 100).toFixed(0)}%`;

/** Lines as XHTML; none of their characters is markup, and none is one that XML forbids. */
export function narrative(lines: readonly string[]): string {
  const items =
    lines.length === 0 ? "<p>-</p>" : `<ul>${lines.map((line) => `<li>${escapeXml(line)}</li>`).join("")}</ul>`;
  return `<div xmlns="http://www.w3.org/1999/xhtml">${items}</div>`;
}

/** Text for XML 1.0, element content. */
function escapeXml(text: string): string {
  return (
    text
      .toWellFormed()
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what XML forbids.
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "\ufffd")
      .replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
  );
}
