import {
  chartPicture,
  compactNumber,
  duration,
  escapeText,
  type Figure,
  formatValue,
  groupedInteger,
  type Point,
  renderFigures,
  renderPage,
  type Series,
  smooth,
  smoothingWidth,
  type Theme,
} from "@baltoro/plot";
import { curveOf, largest, type RunReport } from "./run-report.ts";
import { lossCeiling, type RunSummary, reaches, summarize } from "./summary.ts";

/** Options of {@link compareReport} and {@link renderComparisonSvg}. */
export interface ComparisonOptions {
  readonly title?: string;
  /** Horizontal axis. Default "step". */
  readonly x?: "step" | "tokens" | "seconds";
}

/** Options of {@link renderComparisonSvg}. */
export interface ComparisonSvgOptions extends ComparisonOptions {
  readonly width?: number;
  readonly height?: number;
  /** Default "light": a picture in a document cannot know what stands around it. */
  readonly theme?: Theme;
}

const colors = ["var(--c1)", "var(--c2)", "var(--c3)", "var(--c4)", "var(--c5)", "var(--c6)"];
const xLabels = { step: "step", tokens: "tokens", seconds: "training time (s)" };

/**
 * Several runs on one HTML page: their losses over one another, how soon each reaches the loss that all of them reach, what
 * differs in their configurations. As self-contained as `renderReport`'s.
 * @throws RangeError for no run.
 */
export function compareReport(runs: readonly RunReport[], options: ComparisonOptions = {}): string {
  checkRuns(runs);
  const title = options.title ?? runs.map(({ name }) => name).join(" and ");
  const figures = [
    lossComparison(runs, options),
    overlay(runs, options, "Largest attention logit", "logit", ({ maxLogits }) => largest(maxLogits)),
    overlay(runs, options, "Gradient norm", "norm (logarithmic)", ({ gradientNorm }) => gradientNorm),
    overlay(runs, options, "Learning rate", "learning rate", ({ learningRate }) => learningRate),
    overlay(runs, options, "Speed", "tokens per second", ({ tokensPerSecond }) => tokensPerSecond),
  ].flatMap((figure) => figure ?? []);
  return renderPage(
    title,
    [
      `<header><h1>${escapeText(title)}</h1><p>${runs.length} runs</p></header>`,
      summaryTable(runs),
      renderFigures(figures),
      differencesTable(runs),
      "<footer>Made by Baltoro from the metrics of the runs.</footer>",
    ].join(""),
  );
}

/** The loss curves of several runs as one SVG file with colours and fonts of its own. @throws RangeError for no run. */
export function renderComparisonSvg(runs: readonly RunReport[], options: ComparisonSvgOptions = {}): string {
  checkRuns(runs);
  const { width = 900, height = 480, theme = "light", title } = options;
  const { chart } = lossComparison(runs, options);
  return chartPicture({ ...chart, width, height, ...(title === undefined ? {} : { title }) }, theme);
}

function checkRuns(runs: readonly RunReport[]): void {
  if (runs.length === 0) throw new RangeError("comparison: no runs given");
}

function lossComparison(runs: readonly RunReport[], { x = "step" }: ComparisonOptions): Figure {
  const curves = runs.map(({ records }) => {
    const pickX = (record: RunReport["records"][number]) => record[x];
    const train = curveOf(records, ({ loss }) => loss, pickX);
    return {
      train: smooth(train, smoothingWidth(train.length)),
      validation: curveOf(records, ({ valLoss }) => valLoss, pickX),
    };
  });
  const validated = curves.every(({ validation }) => validation.length > 0);
  const series = curves.flatMap(({ train, validation }, i): Series[] => {
    const color = colors[i % colors.length];
    const dash = i >= colors.length ? { dash: "7 4" } : {};
    const label = runs[i].name;
    if (!validated) return [{ label, points: train, color, ...dash }];
    return [
      { label: `${label}, training`, points: train, color, width: 1.2, opacity: 0.45, quiet: true, ...dash },
      { label, points: validation, color, dots: validation.length <= 40, ...dash },
    ];
  });
  return {
    heading: "Loss",
    size: "wide",
    caption: validated ? "Strong: validation. Faint: training, smoothed." : "Training, smoothed.",
    chart: {
      alt: `Loss of ${runs.map(({ name }) => name).join(", ")} by ${x}`,
      xLabel: xLabels[x],
      yLabel: "nats per token",
      yDomain: [null, lossCeiling(series.map(({ points }) => points))],
      endLabels: true,
      series,
    },
  };
}

function overlay(
  runs: readonly RunReport[],
  { x = "step" }: ComparisonOptions,
  heading: string,
  yLabel: string,
  pick: (record: RunReport["records"][number]) => number | null | undefined,
): Figure | null {
  const curves = runs.map(({ records }): Point[] => curveOf(records, pick, (record) => record[x]));
  if (curves.every((points) => points.length === 0)) return null;
  const log = yLabel.includes("logarithmic");
  return {
    heading,
    size: "half",
    chart: {
      alt: `${heading} of ${runs.map(({ name }) => name).join(", ")} by ${x}`,
      xLabel: xLabels[x],
      yLabel,
      ...(log ? { yScale: "log" as const } : { yDomain: [0, null] as const }),
      series: curves.map((points, i) => ({
        label: runs[i].name,
        points: heading === "Learning rate" ? points : smooth(points, smoothingWidth(points.length) >> 1),
        color: colors[i % colors.length],
        width: 1.6,
        ...(i >= colors.length ? { dash: "7 4" } : {}),
      })),
    },
  };
}

function summaryTable(runs: readonly RunReport[]): string {
  const summaries = runs.map(summarize);
  const final = ({ valLoss, trainLoss }: RunSummary) => valLoss ?? trainLoss;
  const finals = summaries.map(final).filter((loss) => loss !== undefined);
  // What all runs reach: the loss at which their cost can be compared.
  const target = finals.length === runs.length ? Math.max(...finals) : undefined;
  const arrivals = runs.map(({ records }) => (target === undefined ? null : reaches(records, target)));
  const slowest = Math.max(...arrivals.map((arrival) => arrival?.step ?? 0));
  const show = (value: number | undefined, format: (value: number) => string) =>
    value === undefined ? "–" : format(value);
  const rows = runs.map(({ name }, i) => {
    const { valLoss, valBitsPerByte, trainLoss, tokens, seconds, tokensPerSecond, highestLogit } = summaries[i];
    const arrival = arrivals[i];
    const share = arrival && slowest > 0 ? ` (${Math.round((100 * arrival.step) / slowest)} %)` : "";
    const cells = [
      show(valLoss, (loss) => loss.toFixed(4)),
      show(valBitsPerByte, (bits) => bits.toFixed(4)),
      show(trainLoss, (loss) => loss.toFixed(4)),
      ...(target === undefined ? [] : [arrival ? `${groupedInteger(arrival.step)}${share}` : "–"]),
      show(highestLogit?.value, (logit) => logit.toFixed(1)),
      show(tokens, compactNumber),
      show(seconds, duration),
      show(tokensPerSecond, compactNumber),
    ];
    return `<tr><td><i style="background:${colors[i % colors.length]}"></i>${escapeText(name)}</td>${cells.map((cell) => `<td>${cell}</td>`).join("")}</tr>`;
  });
  const titles = [
    "run",
    "validation loss",
    "bits per byte",
    "training loss",
    ...(target === undefined ? [] : [`steps to ${target.toFixed(3)}`]),
    "highest logit",
    "tokens",
    "time",
    "tokens/s",
  ];
  return `<div class="scroll"><table><thead><tr>${titles.map((title) => `<th>${title}</th>`).join("")}</tr></thead><tbody>${rows.join("")}</tbody></table></div>`;
}

function differencesTable(runs: readonly RunReport[]): string {
  const flat = runs.map(({ config, environment }) => flatten({ ...config, environment: { ...environment } }));
  const keys = [...new Set(flat.flatMap((record) => [...record.keys()]))].filter(
    (key) => key !== "name" && key !== "subtitle",
  );
  const different = keys.filter((key) => new Set(flat.map((record) => record.get(key) ?? "–")).size > 1);
  if (different.length === 0) return "";
  const head = `<tr><th>setting</th>${runs.map(({ name }) => `<th>${escapeText(name)}</th>`).join("")}</tr>`;
  const rows = different.map(
    (key) =>
      `<tr><td>${escapeText(key)}</td>${flat.map((record) => `<td>${escapeText(record.get(key) ?? "–")}</td>`).join("")}</tr>`,
  );
  return `<h2>What differs</h2><div class="scroll"><table><thead>${head}</thead><tbody>${rows.join("")}</tbody></table></div>`;
}

function flatten(record: Readonly<Record<string, unknown>>, prefix = ""): Map<string, string> {
  return new Map(
    Object.entries(record).flatMap(([key, value]): [string, string][] => {
      if (typeof value === "object" && value !== null && !Array.isArray(value))
        return [...flatten({ ...value }, `${prefix}${key} › `)];
      return value === undefined ? [] : [[`${prefix}${key}`, formatValue(value)]];
    }),
  );
}
