import {
  compactNumber,
  duration,
  escapeText,
  groupedInteger,
  renderFigures,
  renderPage,
  renderRecord,
  renderTiles,
  type Tile,
} from "@baltoro/plot";
import { runFigures } from "./figures.ts";
import type { RunReport } from "./run-report.ts";
import { type RunSummary, summarize } from "./summary.ts";

/**
 * The report of a run as one HTML page: headline numbers, curves, samples, configuration and environment. Needs no network
 * and no script; light and dark, phone to desk, printable. Of a run that is not finished it shows what there is.
 */
export function renderReport(run: RunReport): string {
  const summary = summarize(run);
  const figures = runFigures(run, summary);
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

function header({ name, subtitle, steps, ending }: RunReport, { step }: RunSummary): string {
  const finished = steps === undefined || step >= steps;
  const badge =
    steps === undefined
      ? ""
      : finished
        ? badgeOf("finished", "")
        : badgeOf(`step ${groupedInteger(step)} of ${groupedInteger(steps)}`, " open");
  // A run that was stopped in its last steps shows how far it came already.
  const failed = ending?.outcome === "failed" ? badgeOf("failed", " open") : "";
  const message = ending?.message ? `<p>${escapeText(ending.message)}</p>` : "";
  return `<header><h1>${escapeText(name)}</h1>${badge}${failed}${subtitle ? `<p>${escapeText(subtitle)}</p>` : ""}${message}</header>`;
}

function badgeOf(text: string, kind: string): string {
  return `<span class="badge${kind}">${escapeText(text)}</span>`;
}

function tiles({ records }: RunReport, summary: RunSummary): Tile[] {
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
