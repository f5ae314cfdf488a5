import { escapeText, renderFigures, renderPage, renderTable, renderTiles } from "@baltoro/plot";
import { evaluationFigures } from "./figures.ts";
import { estimateText, evaluationCaveats, evaluationTables } from "./lines.ts";
import type { EvaluationReport } from "./report.ts";

/** What the page says beside the figures. */
export interface PageFacts {
  readonly title: string;
  /** Which model, which notes, what they are: a sentence each. */
  readonly facts: readonly string[];
}

/** The report as one page that needs nothing else. */
export function evaluationPage(report: EvaluationReport, { title, facts }: PageFacts): string {
  const tiles = renderTiles([
    {
      ...{ label: "mean average precision", value: report.meanAveragePrecision.value.toFixed(3) },
      note: `95 % interval ${estimateText(report.meanAveragePrecision).replace(/^\S+ /, "")}`,
    },
    {
      ...{ label: "accuracy", value: report.accuracy.value.toFixed(3) },
      note: `of ${report.singleDiseaseNotes} notes with one disease`,
    },
    { label: "calibration error", value: report.calibrationError.toFixed(3), note: "mean over the diseases" },
    { label: "notes", value: String(report.notes) },
  ]);
  const tables = evaluationTables(report).map(
    ({ title: heading, rows: [header, ...rows] }) => `<h2>${escapeText(heading)}</h2>${renderTable(header, rows)}`,
  );
  const paragraphs = (texts: readonly string[]) => texts.map((text) => `<p>${escapeText(text)}</p>`).join("");
  return renderPage(
    title,
    [
      `<h1>${escapeText(title)}</h1>${paragraphs(facts)}`,
      tiles,
      renderFigures(evaluationFigures(report)),
      ...tables,
      paragraphs(evaluationCaveats(report)),
    ].join(""),
  );
}
