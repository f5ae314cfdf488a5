import { type ChartSpec, lineChart } from "./chart.ts";
import { hoverScript } from "./hover.ts";
import { thin } from "./series.ts";
import { chartStyle, pageStyle, themeVariables } from "./style.ts";
import { escapeText } from "./text.ts";

export type FigureSize = "wide" | "half" | "third";

const broadSizes: Record<FigureSize, { width: number; height: number }> = {
  wide: { width: 1110, height: 400 },
  half: { width: 540, height: 290 },
  third: { width: 352, height: 250 },
};

/** A chart with what stands around it on a page. */
export interface Figure {
  readonly heading: string;
  readonly caption?: string;
  /** Of the width of the page, on a broad screen. */
  readonly size: FigureSize;
  readonly chart: Omit<ChartSpec, "width" | "height" | "title">;
}

/** Figures one after another, in rows that are full on screens of every width. */
export function renderFigures(figures: readonly Figure[]): string {
  const small = figures.filter(({ size }) => size !== "wide").length;
  const drawn = figures.map((figure, i) => renderFigure(figure, small % 2 === 1 && i === figures.length - 1));
  return `<div class="charts">${drawn.join("")}</div>`;
}

/**
 * A figure, drawn for broad and for narrow screens, so that its text stays readable, and for those between where it takes the
 * whole width there: `alone` says that it stands in its row by itself when two go in a row.
 */
function renderFigure({ heading, caption, size, chart }: Figure, alone: boolean): string {
  const draw = (kind: string, box: { width: number; height: number }) =>
    `<div class="${kind}">${lineChart({ ...chart, ...box })}</div>`;
  const values = {
    unit: chart.xLabel.replace(/ \(.*/, ""),
    series: chart.series
      .filter(({ quiet }) => !quiet)
      .map(({ label, color, points }) => ({
        label,
        color,
        points: thin(points, 400).map(({ x, y }) => [x, y === null ? null : Number(y.toPrecision(6))]),
      })),
  };
  return [
    `<figure class="${size}${alone ? " alone" : ""}"><h3>${escapeText(heading)}</h3>${draw("broad", broadSizes[size])}`,
    size === "wide" || alone ? draw("medium", { width: 720, height: size === "wide" ? 360 : 250 }) : "",
    draw("narrow", { width: 340, height: 260 }),
    caption ? `<figcaption>${escapeText(caption)}</figcaption>` : "",
    // "</script>" in a label must not end the element.
    `<script type="application/json">${JSON.stringify(values).replaceAll("<", "\\u003c")}</script></figure>`,
  ].join("");
}

/** A headline number. */
export interface Tile {
  readonly label: string;
  readonly value: string;
  readonly note?: string;
}

export function renderTiles(tiles: readonly Tile[]): string {
  const cells = tiles.map(
    ({ label, value, note }) =>
      `<div class="tile"><span>${escapeText(label)}</span><b>${escapeText(value)}</b><small>${escapeText(note ?? "")}</small></div>`,
  );
  return `<div class="tiles">${cells.join("")}</div>`;
}

/** A part of a whole. */
export interface StackPart {
  readonly label: string;
  readonly value: number;
  readonly color: string;
  /** Beside the label, in place of the share. */
  readonly note?: string;
}

/** Parts of a whole as one bar, with a legend that tells value and share of each. A part of nothing is left out. */
export function renderStack(parts: readonly StackPart[], format: (value: number) => string): string {
  const total = parts.reduce((sum, { value }) => sum + value, 0);
  const shown = parts.filter(({ value }) => value > 0);
  const share = (value: number) => (total > 0 ? (100 * value) / total : 0);
  const bar = shown.map(({ value, color }) => `<i style="width:${share(value).toFixed(3)}%;background:${color}"></i>`);
  const legend = shown.map(
    ({ label, value, color, note }) =>
      `<li><i style="background:${color}"></i>${escapeText(label)} <b>${escapeText(format(value))}</b> <small>${escapeText(note ?? percent(share(value)))}</small></li>`,
  );
  const alt = shown.map(({ label, value }) => `${label} ${percent(share(value))}`).join(", ");
  return `<div class="stack" role="img" aria-label="${escapeText(alt)}">${bar.join("")}</div><ul class="legend">${legend.join("")}</ul>`;
}

function percent(value: number): string {
  return `${value > 0 && value < 0.095 ? "<0.1" : value.toFixed(value >= 99.95 ? 0 : 1)} %`;
}

/** Rows of text; the first column to the left, the others to the right. A cell of `{ bad: "…" }` is marked. */
export function renderTable(
  header: readonly string[],
  rows: readonly (readonly (string | { readonly bad: string })[])[],
): string {
  const head = header.map((title) => `<th>${escapeText(title)}</th>`).join("");
  const cell = (value: string | { readonly bad: string }) =>
    typeof value === "string" ? `<td>${escapeText(value)}</td>` : `<td class="bad">${escapeText(value.bad)}</td>`;
  const body = rows.map((row) => `<tr>${row.map(cell).join("")}</tr>`).join("");
  return `<div class="scroll"><table><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table></div>`;
}

/** A record as cards: one for the plain values, one for each object in it. */
export function renderRecord(title: string, record: Readonly<Record<string, unknown>>): string {
  const isGroup = (value: unknown): value is Record<string, unknown> =>
    typeof value === "object" && value !== null && !Array.isArray(value);
  const entries = Object.entries(record).filter(([, value]) => value !== undefined);
  const plain = entries.filter(([, value]) => !isGroup(value));
  const groups = entries.filter((entry): entry is [string, Record<string, unknown>] => isGroup(entry[1]));
  const cards = [[title, Object.fromEntries(plain)] as const, ...groups].filter(
    ([, values]) => Object.keys(values).length > 0,
  );
  return cards
    .map(([name, values]) => `<section class="card"><h3>${escapeText(name)}</h3>${definitionList(values)}</section>`)
    .join("");
}

function definitionList(values: Readonly<Record<string, unknown>>): string {
  const rows = Object.entries(values).map(
    ([key, value]) => `<dt>${escapeText(key)}</dt><dd>${escapeText(formatValue(value))}</dd>`,
  );
  return `<dl>${rows.join("")}</dl>`;
}

/** Values as a reader writes them. */
export function formatValue(value: unknown): string {
  if (typeof value === "number") {
    if (Number.isInteger(value) && Math.abs(value) >= 10_000) return value.toLocaleString("en");
    return Math.abs(value) < 1e-3 && value !== 0 ? value.toExponential().replace("e-", "e−") : String(value);
  }
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (value === null || value === undefined) return "–";
  if (typeof value === "string") return value;
  if (Array.isArray(value) && value.every((item) => typeof item !== "object")) return value.join(", ");
  return JSON.stringify(value);
}

/** A whole page that needs nothing else: no network, and no script to see it. */
export function renderPage(title: string, body: string): string {
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="color-scheme" content="light dark">',
    `<title>${escapeText(title)}</title>`,
    `<style>${themeVariables(":root", "auto")}${chartStyle}${pageStyle}</style></head>`,
    `<body><main>${body}</main><script>${hoverScript}</script></body></html>\n`,
  ].join("\n");
}
