import { drawEndLabels, endLabels, layoutLegend } from "./labels.ts";
import { finiteValues, type Point, thin } from "./series.ts";
import { paperColor } from "./style.ts";
import { escapeText, num, textWidth } from "./text.ts";
import { linearTicks, logTicks, niceDomain, type Ticks } from "./ticks.ts";

/** One curve. */
export interface Series {
  readonly label: string;
  readonly points: readonly Point[];
  /** A CSS colour; `var(--c1)` … `var(--c6)` are the theme's. */
  readonly color: string;
  /** Stroke width in px. Default 2. */
  readonly width?: number;
  readonly opacity?: number;
  readonly dash?: string;
  /** Points as dots. Default false. */
  readonly dots?: boolean;
  /** Fills what is below the curve. Default false. */
  readonly area?: boolean;
  /** A column from 0 for each point, in place of the curve. Default false; linear axes only. */
  readonly columns?: boolean;
  /** Left out of the legend (and of the hover box). */
  readonly quiet?: boolean;
}

/** A line chart. */
export interface ChartSpec {
  /** What the chart shows, for those who cannot see it. */
  readonly alt: string;
  /** Heading inside the picture; needs no page around it. */
  readonly title?: string;
  readonly xLabel: string;
  /** Whole numbers only along the horizontal axis: nodes, not seconds. */
  readonly xWhole?: boolean;
  /** Unit of the vertical axis, written above it. */
  readonly yLabel: string;
  readonly series: readonly Series[];
  readonly yScale?: "linear" | "log";
  /** Fixed vertical bounds; curves are cut there. A null is computed. */
  readonly yDomain?: readonly [number | null, number | null];
  /** Horizontal rules, as a threshold. Within the bounds only. */
  readonly rules?: readonly { readonly y: number; readonly label: string }[];
  /** Show the last value of each labelled curve at its end. */
  readonly endLabels?: boolean;
  readonly width: number;
  readonly height: number;
}

/** Where the curves are within the picture: the hover script needs it. */
export interface ChartFrame {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
  readonly x: readonly [number, number];
  readonly y: readonly [number, number];
  readonly log: boolean;
}

/** The bounds of the axes that a chart will have. */
export function chartDomain(spec: ChartSpec): { x: [number, number]; y: [number, number] } {
  const ys = [...spec.series.flatMap(({ points }) => finiteValues(points))];
  const log = spec.yScale === "log";
  const xs = spec.series.flatMap(({ points }) => points.map(({ x }) => x));
  const [first, last] = columnExtent(spec.series) ?? extent(xs);
  // Steps begin at 1 and are thought of from 0.
  const x: [number, number] = first > 0 && first < last / 20 ? [0, last] : [first, last];
  const given = spec.yDomain ?? [null, null];
  const inside = ys.filter((y) => (given[0] === null || y >= given[0]) && (given[1] === null || y <= given[1]));
  const rules = (spec.rules ?? []).map((rule) => rule.y);
  const computed = log ? logDomain(inside) : niceDomain([...inside, ...rules], 5);
  const y: [number, number] = [given[0] ?? computed[0], given[1] ?? computed[1]];
  // All values may lie on a bound that is given, or beyond it.
  if (y[0] >= y[1]) {
    const room = Math.abs(y[0]) / 10 || 1;
    y[given[1] === null ? 1 : 0] = given[1] === null ? y[0] + room : y[1] - room;
  }
  return { x, y };
}

/**
 * Draws a chart as SVG. Colours and fonts come from the classes in `chartStyle`; text keeps its size, so draw one picture
 * for each width that it is shown at.
 */
export function lineChart(spec: ChartSpec): string {
  const { width, height, series } = spec;
  const log = spec.yScale === "log";
  const { x: xDomain, y: yDomain } = chartDomain(spec);
  const legend = layoutLegend(series, width, spec.title !== undefined);
  const head = (spec.title === undefined ? 0 : 34) + legend.height;
  const [top, bottom] = [head + 27, height - 44];
  const yCount = Math.max(2, Math.round((bottom - top) / 48));
  const yTicks = log ? logTicks(...yDomain, yCount) : linearTicks(...yDomain, yCount);
  const left = 11 + Math.max(...yTicks.labels.map(textWidth), 16);
  const ends = spec.endLabels ? endLabels(series) : [];
  const right = width - Math.max(14, ...ends.map(({ text }) => textWidth(text) + 16));
  const xRoom = Math.max(2, Math.round((right - left) / 90));
  const xTicks = linearTicks(
    ...xDomain,
    spec.xWhole ? Math.max(1, Math.min(xRoom, Math.floor(xDomain[1] - xDomain[0]))) : xRoom,
  );
  const sx = (x: number) => left + ((x - xDomain[0]) / (xDomain[1] - xDomain[0])) * (right - left);
  const [y0, y1] = log ? yDomain.map(Math.log) : yDomain;
  const sy = (y: number) => bottom - (((log ? Math.log(y) : y) - y0) / (y1 - y0)) * (bottom - top);

  const frame: ChartFrame = {
    left: Number(num(left)),
    right: Number(num(right)),
    top,
    bottom,
    x: xDomain,
    y: yDomain,
    log,
  };
  const clip = `clip-${hash(`${spec.alt}|${width}|${height}`)}`;
  const floor = log ? bottom : sy(Math.min(Math.max(0, yDomain[0]), yDomain[1]));
  const curves = series.map((one) =>
    one.columns ? columns(one, sx, sy, floor) : curve(one, sx, sy, log, right - left, floor),
  );
  const rules = (spec.rules ?? [])
    .filter(({ y }) => y >= yDomain[0] && y <= yDomain[1])
    .map(
      ({ y, label }) =>
        `<line class="rule" x1="${num(left)}" x2="${num(right)}" y1="${num(sy(y))}" y2="${num(sy(y))}"/>` +
        // A rule near the top has its label below: above stands the unit.
        `<text class="rule-label" x="${num(left + 6)}" y="${num(sy(y) + (sy(y) < top + 10 ? 15 : -6))}">${escapeText(label)}</text>`,
    );
  return [
    `<svg class="chart" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"`,
    ` role="img" aria-label="${escapeText(spec.alt)}" data-frame="${escapeText(JSON.stringify(frame))}">`,
    spec.title === undefined ? "" : `<text class="title" x="4" y="22">${escapeText(spec.title)}</text>`,
    legend.svg(spec.title === undefined ? 0 : 34),
    yAxis(yTicks, sy, left, right),
    `<text class="unit" x="4" y="${num(top - 13)}">${escapeText(withExponent(spec.yLabel, yTicks))}</text>`,
    xAxis(xTicks, sx, bottom, left, right),
    `<text class="unit" x="${num((left + right) / 2)}" y="${num(height - 6)}" text-anchor="middle">${escapeText(withExponent(spec.xLabel, xTicks))}</text>`,
    `<clipPath id="${clip}"><rect x="${num(left)}" y="${num(top - 3)}" width="${num(right - left + 3)}" height="${num(bottom - top + 4)}"/></clipPath>`,
    `<g clip-path="url(#${clip})">${curves.join("")}</g>`,
    rules.join(""),
    ends.length > 0 ? drawEndLabels(ends, sy, right, top, bottom) : "",
    "</svg>",
  ].join("");
}

/** Half a column of room on either side. */
function columnExtent(series: readonly Series[]): [number, number] | null {
  const points = series.find(({ columns: drawn }) => drawn)?.points ?? [];
  if (points.length === 0) return null;
  const half = columnStep(points) / 2;
  return [points[0].x - half, points[points.length - 1].x + half];
}

function columnStep(points: readonly Point[]): number {
  return points.length > 1 ? (points[points.length - 1].x - points[0].x) / (points.length - 1) : 1;
}

function columns(
  { points, color, opacity = 1 }: Series,
  sx: (x: number) => number,
  sy: (y: number) => number,
  floor: number,
): string {
  const step = columnStep(points);
  const width = Math.max(0.7, (sx(step) - sx(0)) * 0.78);
  const bars = points.flatMap(({ x, y }) => {
    if (y === null || !Number.isFinite(y) || y === 0) return [];
    const [top, bottom] = y > 0 ? [sy(y), floor] : [floor, sy(y)];
    return [`M${num(sx(x) - width / 2)} ${num(bottom)}V${num(top)}h${num(width)}V${num(bottom)}z`];
  });
  return `<path d="${bars.join("")}" fill="${paperColor(color)}" style="fill:${color}"${opacity === 1 ? "" : ` opacity="${opacity}"`}/>`;
}

function extent(values: readonly number[]): [number, number] {
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  if (min > max) return [0, 1];
  return min === max ? [min - 1, max + 1] : [min, max];
}

function logDomain(values: readonly number[]): [number, number] {
  const [min, max] = extent(values.filter((value) => value > 0));
  if (min <= 0) return [0.1, 10];
  return [min / 1.12, max * 1.12];
}

function yAxis({ values, labels }: Ticks, sy: (y: number) => number, left: number, right: number): string {
  return values
    .map((value, i) => {
      const y = num(sy(value));
      const text = `<text class="tick" x="${num(left - 7)}" y="${num(sy(value) + 4)}" text-anchor="end">${labels[i]}</text>`;
      return `<line class="grid" x1="${num(left)}" x2="${num(right)}" y1="${y}" y2="${y}"/>${text}`;
    })
    .join("");
}

function xAxis(
  { values, labels }: Ticks,
  sx: (x: number) => number,
  bottom: number,
  left: number,
  right: number,
): string {
  const base = `<line class="axis" x1="${num(left)}" x2="${num(right)}" y1="${num(bottom)}" y2="${num(bottom)}"/>`;
  const ticks = values.map((value, i) => {
    const x = sx(value);
    // A label at either end must not leave the picture.
    const anchor = x + textWidth(labels[i]) / 2 > right + 14 ? "end" : "middle";
    return (
      `<line class="axis" x1="${num(x)}" x2="${num(x)}" y1="${num(bottom)}" y2="${num(bottom + 4)}"/>` +
      `<text class="tick" x="${num(anchor === "end" ? right + 12 : x)}" y="${num(bottom + 18)}" text-anchor="${anchor}">${labels[i]}</text>`
    );
  });
  return base + ticks.join("");
}

function curve(
  series: Series,
  sx: (x: number) => number,
  sy: (y: number) => number,
  log: boolean,
  pixels: number,
  floor: number,
): string {
  const visible = (y: number | null): y is number => y !== null && Number.isFinite(y) && !(log && y <= 0);
  const { color, width = 2, opacity = 1, dash, dots = false } = series;
  let path = "";
  let below = "";
  let pen = false;
  let end = 0;
  for (const { x, y } of thin(series.points, Math.round(pixels * 1.5))) {
    if (visible(y)) {
      const at = `${num(sx(x))} ${num(sy(y))}`;
      below += pen ? `L${at}` : `${below === "" ? "" : `V${num(floor)}z`}M${num(sx(x))} ${num(floor)}L${at}`;
      path += `${pen ? "L" : "M"}${at}`;
      end = sx(x);
    }
    pen = visible(y);
  }
  const fill =
    series.area && below !== ""
      ? `<path d="${below}L${num(end)} ${num(floor)}z" fill="${paperColor(color)}" style="fill:${color}" opacity="0.14"/>`
      : "";
  // The attribute serves viewers that do not understand the style.
  const paint = `stroke="${paperColor(color)}" style="stroke:${color}" stroke-width="${width}"`;
  const line = `<path class="curve" d="${path}" ${paint}${opacity === 1 ? "" : ` opacity="${opacity}"`}${dash ? ` stroke-dasharray="${dash}"` : ""}/>`;
  if (!dots) return fill + line;
  const radius = series.points.length > 60 ? 2 : 3.2;
  const marks = series.points.flatMap(({ x, y }) =>
    visible(y)
      ? [
          `<circle class="dot" cx="${num(sx(x))}" cy="${num(sy(y))}" r="${radius}" fill="${paperColor(color)}" style="fill:${color}"/>`,
        ]
      : [],
  );
  return fill + line + marks.join("");
}

function withExponent(label: string, { exponent }: Ticks): string {
  if (exponent === 0) return label;
  const digits = "⁰¹²³⁴⁵⁶⁷⁸⁹";
  const power = String(Math.abs(exponent)).replace(/\d/g, (digit) => digits[Number(digit)]);
  return `${label}, ×10${exponent < 0 ? "⁻" : ""}${power}`;
}

/** Ids in one page must differ; the same chart must give the same text. */
function hash(text: string): string {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return value.toString(36);
}
