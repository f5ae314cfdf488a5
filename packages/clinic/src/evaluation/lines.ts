import { diseaseNames, diseases } from "../diagnosis/index.ts";
import type { Estimate } from "./bootstrap.ts";
import { riskAt } from "./coverage.ts";
import type { EvaluationReport } from "./report.ts";

const three = (value: number): string => (Number.isNaN(value) ? "–" : value.toFixed(3));

/** "0.812 (0.790–0.833)": the figure and its 95 % interval. */
export function estimateText({ value, low, high }: Estimate): string {
  return `${three(value)} (${three(low)}–${three(high)})`;
}

/** A table for people as rows of cells, the first row its header. */
export interface EvaluationTable {
  readonly title: string;
  readonly rows: readonly (readonly string[])[];
}

const coverages = [0.5, 0.7, 0.9, 1];

/** What the report holds, as tables. */
export function evaluationTables(report: EvaluationReport): EvaluationTable[] {
  const found = diseases.flatMap((disease) => {
    const one = report.diseases[disease];
    return one ? [{ name: diseaseNames[disease].en, disease, one }] : [];
  });
  return [
    {
      title: "Ranking and calibration, 95 % bootstrap intervals",
      rows: [
        ["disease", "notes", "with it", "average precision", "AUROC", "Brier", "calibration error"],
        ...found.map(({ name, one }) => [
          ...[name, String(one.notes), String(one.positives), estimateText(one.averagePrecision)],
          ...[estimateText(one.auroc), three(one.brier), three(one.calibrationError)],
        ]),
        [
          ...["mean", String(report.notes), "", estimateText(report.meanAveragePrecision), ""],
          ...[three(report.brier), three(report.calibrationError)],
        ],
      ],
    },
    {
      title: "Share wrong (from one half on: has it) where only the surest are answered",
      rows: [
        ["disease", ...coverages.map((coverage) => `${100 * coverage} %`), "mean over all shares"],
        ...found.map(({ name, one }) => [
          name,
          ...riskAt(one.riskCoverage, coverages).map(({ risk }) => three(risk)),
          three(one.areaUnderRisk),
        ]),
      ],
    },
    {
      title: "Conformal sets for 90 % coverage of each disease: fitted on one half of the notes, judged on the other",
      rows: [
        ["disease", "fitted on", "threshold", "expected coverage", "judged on", "covered", "falsely in"],
        ...found.map(({ name, one: { conformal } }) => [
          ...[name, String(conformal.count), three(conformal.threshold)],
          `${three(conformal.coverage[0])}–${three(conformal.coverage[1])}`,
          String(conformal.judged),
          estimateText({ value: conformal.covered, low: conformal.interval[0], high: conformal.interval[1] }),
          three(conformal.falselyIn),
        ]),
      ],
    },
    {
      title: "Average precision by age (no intervals: small groups say little)",
      rows: [
        ["age", "notes", ...found.map(({ name }) => name), "mean"],
        ...report.ages.map((age) => [
          ...[age.name, String(age.notes)],
          ...found.map(({ disease }) => {
            const one = age.diseases[disease];
            return one ? `${three(one.averagePrecision)} of ${one.positives}` : "–";
          }),
          three(age.meanAveragePrecision),
        ]),
      ],
    },
  ];
}

/** Below this many notes with a disease its conformal set comes with a warning. */
const smallClass = 100;

/** What must be said with the figures. */
export function evaluationCaveats(report: EvaluationReport): string[] {
  const small = diseases.filter((disease) => (report.diseases[disease]?.conformal.count ?? smallClass) < smallClass);
  return [
    `Accuracy ${estimateText(report.accuracy)}: the one disease of a note is ranked first, ${report.singleDiseaseNotes} notes with exactly one.`,
    ...(report.left.length > 0
      ? [`Not judged, for want of notes with it, of known labels or of a prediction: ${report.left.join(", ")}.`]
      : []),
    ...(small.length > 0
      ? [
          `Conformal coverage holds on average over calibration sets. With as few notes as here of ${small.join(", ")} the coverage of this one threshold may be anywhere in the interval of "expected coverage".`,
        ]
      : []),
  ];
}

/** The report for a terminal. */
export function evaluationLines(report: EvaluationReport): string[] {
  return [
    ...evaluationTables(report).flatMap(({ title, rows }) => [title, ...aligned(rows).map((line) => `  ${line}`), ""]),
    ...evaluationCaveats(report),
  ];
}

function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
      .join("  ")
      .trimEnd(),
  );
}
