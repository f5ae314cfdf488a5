import {
  type Figure,
  finiteValues,
  groupedInteger,
  median,
  type Point,
  type Series,
  smooth,
  smoothingWidth,
  thin,
} from "@baltoro/plot";
import { curveOf, largest, lastOf, type RunReport } from "./run-report.ts";
import { lossCeiling, type RunSummary } from "./summary.ts";

/** The curves of a run that there are records for, in the order of the page. */
export function runFigures(run: RunReport, summary: RunSummary): Figure[] {
  return [lossFigure, logitFigure, loadFigure, gradientFigure, rateFigure, speedFigure].flatMap(
    (make) => make(run, summary) ?? [],
  );
}

function stepLabel({ records }: RunReport): string {
  const last = records.findLast(({ tokens, step }) => tokens !== undefined && step > 0);
  const perStep = last?.tokens === undefined ? 0 : last.tokens / last.step;
  return Number.isInteger(perStep) && perStep > 0 ? `step (${groupedInteger(perStep)} tokens each)` : "step";
}

function lossFigure(run: RunReport, { bestVal }: RunSummary): Figure | null {
  const raw = curveOf(run.records, ({ loss }) => loss);
  const validation = curveOf(run.records, ({ valLoss }) => valLoss);
  if (raw.length + validation.length === 0) return null;
  const smoothed = smooth(raw, smoothingWidth(raw.length));
  const top = lossCeiling([smoothed, validation]);
  const start = raw.find(({ y }) => y !== null)?.y;
  const facts = [
    bestVal && `Lowest validation loss ${bestVal.loss.toFixed(4)} at step ${groupedInteger(bestVal.step)}.`,
    start && top !== null && start > top && `The loss began at ${start.toFixed(2)}, above the picture.`,
  ];
  return {
    heading: "Loss",
    size: "wide",
    caption: facts.filter(Boolean).join(" "),
    chart: {
      alt: "Training and validation loss by step",
      xLabel: stepLabel(run),
      yLabel: "nats per token",
      yDomain: [null, top],
      series: [
        { label: "training, each step", points: raw, color: "var(--c1)", width: 1, opacity: 0.3 },
        { label: "training, smoothed", points: smoothed, color: "var(--c1)" },
        ...(validation.length > 0
          ? [{ label: "validation", points: validation, color: "var(--c2)", width: 1.5, dots: true }]
          : []),
      ],
    },
  };
}

function rateFigure(run: RunReport): Figure | null {
  const points = curveOf(run.records, ({ learningRate }) => learningRate);
  if (points.length === 0) return null;
  return {
    heading: "Learning rate",
    size: "third",
    caption: `Peak ${Math.max(...finiteValues(points)).toExponential(2)}, last ${lastOf(run.records, (record) => record.learningRate)?.toExponential(2)}.`,
    chart: {
      alt: "Learning rate by step",
      xLabel: stepLabel(run),
      yLabel: "learning rate",
      yDomain: [0, null],
      series: [{ label: "learning rate", points, color: "var(--c3)" }],
    },
  };
}

function logitFigure(run: RunReport, { highestLogit, clippedSteps }: RunSummary): Figure | null {
  const overall = curveOf(run.records, ({ maxLogits }) => largest(maxLogits));
  if (overall.length === 0 || !highestLogit) return null;
  const tau = run.qkClipThreshold;
  const clipped = clippedSteps
    ? ` Above τ in ${groupedInteger(clippedSteps)} of ${groupedInteger(overall.length)} steps.`
    : tau === undefined
      ? ""
      : ` Never above τ = ${tau}.`;
  return {
    heading: "Largest attention logit",
    size: "half",
    caption: `Before QK-Clip. Highest: ${highestLogit.value.toFixed(1)} at step ${groupedInteger(highestLogit.step)}.${clipped}`,
    chart: {
      alt: "Largest attention logit by step, overall and per layer",
      xLabel: stepLabel(run),
      yLabel: "logit",
      yDomain: [0, null],
      series: [...layerSeries(run, ({ maxLogits }) => maxLogits), ...noisy("all layers", overall, "var(--ink)")],
      // A threshold far above the curves would flatten them: the caption names it then.
      rules: tau !== undefined && highestLogit.value > tau / 4 ? [{ y: tau, label: `τ = ${tau}` }] : [],
    },
  };
}

function gradientFigure(run: RunReport): Figure | null {
  const points = curveOf(run.records, ({ gradientNorm }) => gradientNorm);
  const values = finiteValues(points);
  if (values.length === 0) return null;
  const highest = points.find(({ y }) => y === Math.max(...values));
  return {
    heading: "Gradient norm",
    size: "third",
    caption: `Before clipping. Median ${median(values).toPrecision(3)}, highest ${Math.max(...values).toPrecision(3)} at step ${groupedInteger(highest?.x ?? 0)}.`,
    chart: {
      alt: "Global gradient norm by step",
      xLabel: stepLabel(run),
      yLabel: "norm (logarithmic)",
      yScale: "log",
      series: noisy("gradient norm", points, "var(--c4)"),
    },
  };
}

function speedFigure(run: RunReport, { tokensPerSecond }: RunSummary): Figure | null {
  const points = curveOf(run.records, (record) => record.tokensPerSecond);
  if (tokensPerSecond === undefined) return null;
  return {
    heading: "Speed",
    size: "third",
    caption: `Median ${groupedInteger(tokensPerSecond)} tokens per second.`,
    chart: {
      alt: "Training tokens per second by step",
      xLabel: stepLabel(run),
      yLabel: "tokens per second",
      yDomain: [0, null],
      series: noisy("tokens per second", points, "var(--c5)"),
    },
  };
}

function loadFigure(run: RunReport): Figure | null {
  const worst = curveOf(run.records, ({ loadImbalance }) => largest(loadImbalance));
  const values = finiteValues(worst);
  if (values.length === 0) return null;
  const end = values.slice(-Math.max(1, Math.round(values.length / 10)));
  return {
    heading: "Expert load",
    size: "half",
    caption: `Busiest expert over the mean; 1 is even. Worst layer over the last tenth: ${(end.reduce((sum, value) => sum + value, 0) / end.length).toFixed(2)}.`,
    chart: {
      alt: "Load of the busiest expert over the mean, by step",
      xLabel: stepLabel(run),
      yLabel: "maximum / mean",
      yDomain: [1, null],
      series: [...layerSeries(run, ({ loadImbalance }) => loadImbalance), ...noisy("worst layer", worst, "var(--ink)")],
    },
  };
}

/** What was measured, faint, and over it the smoothed curve. */
function noisy(label: string, points: readonly Point[], color: string): Series[] {
  return [
    { label, points, color, width: 1, opacity: 0.35, quiet: true },
    { label, points: smooth(points, smoothingWidth(points.length)), color },
  ];
}

/** A thin smoothed curve per layer, from one colour to another by depth; only the first and the last are in the legend. */
function layerSeries(
  run: RunReport,
  pick: (record: RunReport["records"][number]) => readonly (number | null)[] | undefined,
) {
  const layers = run.records.map(pick).find((values) => values !== undefined)?.length ?? 0;
  return Array.from({ length: layers }, (_, layer) => {
    const points = curveOf(run.records, (record) => pick(record)?.[layer]);
    const share = layers > 1 ? Math.round((100 * layer) / (layers - 1)) : 0;
    return {
      label: layer === 0 ? "first layer" : "last layer",
      points: thin(smooth(points, smoothingWidth(points.length)), 160),
      color: `color-mix(in oklab, var(--c2) ${share}%, var(--c1))`,
      width: 1.2,
      opacity: 0.75,
      quiet: layer > 0 && layer < layers - 1,
    };
  });
}
