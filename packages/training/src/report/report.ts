import { compactNumber, duration, groupedInteger } from "../progress/index.ts";
import type { Series } from "./chart.ts";
import { type Figure, renderFigures, renderPage, renderRecord, renderTiles } from "./page.ts";
import { curveOf, largest, lastOf, type RunReport } from "./run-report.ts";
import { finiteValues, median, type Point, smooth, smoothingWidth, thin } from "./series.ts";
import { lossCeiling, type RunSummary, summarize } from "./summary.ts";
import { escapeText } from "./text.ts";

/**
 * The report of a run as one HTML page: headline numbers, curves, samples, configuration and environment. Needs no network
 * and no script; light and dark, phone to desk, printable. Of a run that is not finished it shows what there is.
 */
export function renderReport(run: RunReport): string {
  const summary = summarize(run);
  const figures = [lossFigure, logitFigure, loadFigure, gradientFigure, rateFigure, speedFigure].flatMap(
    (make) => make(run, summary) ?? [],
  );
  const config = renderRecord("run", withoutKeys(run.config, ["name", "subtitle", "environment"]));
  const environment = renderRecord("environment", run.environment);
  return renderPage(
    run.name,
    [
      header(run, summary),
      renderTiles(tiles(run, summary)),
      figures.length > 0 ? renderFigures(figures) : "<p>No step has been taken yet.</p>",
      samples(run),
      `<h2>Configuration and environment</h2><div class="cards">${environment}${config}</div>`,
      "<footer>Made by Baltoro from config.json and metrics.jsonl of the run.</footer>",
    ].join(""),
  );
}

function header({ name, subtitle, steps }: RunReport, { step }: RunSummary): string {
  const finished = steps === undefined || step >= steps;
  const badge =
    steps === undefined
      ? ""
      : finished
        ? badgeOf("finished", "")
        : badgeOf(`step ${groupedInteger(step)} of ${groupedInteger(steps)}`, " open");
  return `<header><h1>${escapeText(name)}</h1>${badge}${subtitle ? `<p>${escapeText(subtitle)}</p>` : ""}</header>`;
}

function badgeOf(text: string, kind: string): string {
  return `<span class="badge${kind}">${escapeText(text)}</span>`;
}

function tiles({ records }: RunReport, summary: RunSummary) {
  const { tokens, seconds, tokensPerSecond, trainLoss, valLoss, valBitsPerByte, step } = summary;
  const show = (value: number | undefined, format: (value: number) => string) =>
    value === undefined ? "–" : format(value);
  const fixed = (value: number) => value.toFixed(3);
  const validatedAt = records.findLast((record) => record.valLoss !== undefined && record.valLoss !== null)?.step;
  return [
    {
      label: "validation loss",
      value: show(valLoss, fixed),
      note: validatedAt === undefined ? "" : `at step ${groupedInteger(validatedAt)}`,
    },
    {
      label: "bits per byte",
      value: show(valBitsPerByte, fixed),
      note: valLoss === undefined ? "" : `perplexity ${Math.exp(valLoss).toPrecision(3)}`,
    },
    { label: "training loss", value: show(trainLoss, fixed), note: "mean of the last 2 %" },
    { label: "tokens", value: show(tokens, compactNumber), note: `${groupedInteger(step)} steps` },
    { label: "training time", value: show(seconds, duration), note: "without pauses" },
    { label: "tokens per second", value: show(tokensPerSecond, compactNumber), note: "median" },
  ];
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

function samples({ records }: RunReport): string {
  const record = records.findLast((one) => one.samples && one.samples.length > 0);
  if (!record?.samples) return "";
  const quotes = record.samples.map(
    ({ prompt, text }) => `<blockquote><b>${escapeText(prompt)}</b>${escapeText(text)}</blockquote>`,
  );
  return `<h2>What the model writes after ${groupedInteger(record.step)} steps</h2><section class="card">${quotes.join("")}</section>`;
}

function withoutKeys(record: Readonly<Record<string, unknown>>, keys: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).filter(([key]) => !keys.includes(key)));
}
