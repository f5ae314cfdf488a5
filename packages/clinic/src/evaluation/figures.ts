import type { Figure, Series } from "@baltoro/plot";
import { diseaseNames, diseases } from "../diagnosis/index.ts";
import type { DiseaseReport, EvaluationReport } from "./report.ts";

const colors = ["var(--c1)", "var(--c2)", "var(--c3)", "var(--c4)"];

function perDisease(report: EvaluationReport, points: (one: DiseaseReport) => Series["points"]): Series[] {
  return diseases.flatMap((disease, i) => {
    const one = report.diseases[disease];
    if (!one) return [];
    return [{ label: diseaseNames[disease].en, color: colors[i], points: points(one), dots: one.bins.length < 20 }];
  });
}

/** Reliability and risk by coverage. */
export function evaluationFigures(report: EvaluationReport): Figure[] {
  const diagonal: Series = {
    ...{ label: "perfect", color: "var(--c6)", dash: "4 4", width: 1 },
    points: [
      { x: 0, y: 0 },
      { x: 1, y: 1 },
    ],
  };
  return [
    {
      heading: "Reliability",
      caption:
        "Of the notes that were given about this probability, the share that has the disease. Bins with fewer than 10 notes are left out.",
      size: "half",
      chart: {
        alt: "Observed share by predicted probability for each disease",
        ...{ xLabel: "predicted probability", yLabel: "observed share", yDomain: [0, 1] as const },
        series: [
          ...perDisease(report, ({ bins }) =>
            bins.filter(({ count }) => count >= 10).map(({ predicted, observed }) => ({ x: predicted, y: observed })),
          ),
          diagonal,
        ],
      },
    },
    {
      heading: "Risk by coverage",
      caption: "Share of wrong answers where only the surest part of the notes is answered.",
      size: "half",
      chart: {
        alt: "Share of wrong answers by share of notes answered for each disease",
        ...{ xLabel: "share of notes answered", yLabel: "share wrong", yDomain: [0, null] as const },
        series: perDisease(report, ({ riskCoverage }) =>
          // The first few notes are too few for a share.
          riskCoverage
            .filter(({ coverage }) => coverage >= 0.05)
            .map(({ coverage, risk }) => ({ x: coverage, y: risk })),
        ).map((series) => ({ ...series, dots: false })),
      },
    },
  ];
}
