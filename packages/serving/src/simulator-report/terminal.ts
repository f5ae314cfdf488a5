import type { SimulationResult } from "../simulator/result.ts";
import { type FactGroup, factGroups, headline, latencyRows, outcomes, provenance } from "./facts.ts";
import { count, share, time } from "./quantities.ts";

/** How the terminal is. */
export interface TerminalStyle {
  readonly columns: number;
  readonly color: boolean;
  /** Without, plain ASCII. */
  readonly unicode: boolean;
}

type Paint = (text: string) => string;
const sgr =
  (code: string): Paint =>
  (text) =>
    `\x1b[${code}m${text}\x1b[0m`;
const same: Paint = (text) => text;

/** The report as lines of text, none longer than the terminal. */
export function terminalReport(result: SimulationResult, style: TerminalStyle): string[] {
  const width = Math.max(40, Math.min(style.columns - 1, 150));
  const bold = style.color ? sgr("1") : same;
  const dim = style.color ? sgr("2") : same;
  const warn = style.color ? sgr("33") : same;
  const { title, subtitle } = headline(result);
  const heading = (text: string) => ["", bold(text)];
  const lines = [
    bold(title),
    ...wrap(subtitle, width).map(dim),
    ...heading("Requests"),
    ...outcomeLines(result, width, style, warn),
    ...heading("Latency of completed requests"),
    ...latencyTable(result, width, dim, warn),
    ...heading("Load over virtual time"),
    ...sparklines(result, width, style, dim),
    ...groups(factGroups(result), width, bold, dim),
    ...groups([provenance(result)], width, bold, dim),
    ...(result.notModelled.length > 0 ? heading("Not modelled") : []),
    ...wrap(result.notModelled.join("; "), width - 2).map((line) => `  ${line}`),
  ];
  return style.unicode ? lines : lines.map(ascii);
}

function outcomeLines(result: SimulationResult, width: number, style: TerminalStyle, warn: Paint): string[] {
  const parts = outcomes(result);
  const { total } = result.requests;
  const labels = Math.max(...parts.map(({ label }) => label.length));
  const numbers = Math.max(...parts.map((part) => count(part.count).length));
  return parts.map(({ label, count: number, kind }) => {
    const part = total > 0 ? number / total : 0;
    const text = `  ${label.padEnd(labels)}  ${count(number).padStart(numbers)}  ${share(part).padStart(7)}  `;
    const room = Math.max(0, Math.min(40, width - text.length));
    const cells = Math.round(part * room);
    const bar = (style.unicode ? "━" : "=").repeat(part > 0 ? Math.max(1, cells) : 0).slice(0, room);
    return (kind === "good" ? text + bar : text + warn(bar)).trimEnd();
  });
}

function latencyTable(result: SimulationResult, width: number, dim: Paint, warn: Paint): string[] {
  const rows = latencyRows(result);
  const columns = ["mean", "p50", "p90", "p95", "p99", "max"] as const;
  const labels = Math.max(...rows.map(({ label }) => label.length));
  const wide = Math.floor((width - 2 - labels) / (columns.length + 1));
  const cell = Math.max(8, Math.min(11, wide));
  // What does not fit is left out, the least telling first.
  const fits = Math.max(1, Math.floor((width - 2 - labels) / cell) - 1);
  const telling = ["p90", "mean", "p99", "max", "p50", "p95"].slice(0, fits);
  const kept = columns.filter((name) => telling.includes(name));
  const line = (label: string, cells: readonly string[]) => `  ${label.padEnd(labels)}${cells.join("")}`;
  return [
    dim(
      line(
        "",
        [...kept, "limit"].map((name) => name.padStart(cell)),
      ),
    ),
    ...rows.map(({ label, distribution, limitMs }) =>
      line(label, [
        ...kept.map((name) => {
          const value = distribution[name];
          const text = time(value).padStart(cell);
          return limitMs !== null && value !== null && value > limitMs ? warn(text) : text;
        }),
        limitMs === null ? "" : time(limitMs).padStart(cell),
      ]).trimEnd(),
    ),
  ];
}

/** Series as rows of small columns, each scaled to its own maximum. */
function sparklines(
  { series, virtualMs }: SimulationResult,
  width: number,
  style: TerminalStyle,
  dim: Paint,
): string[] {
  const rows: readonly (readonly [string, readonly number[], (value: number) => string])[] = [
    ["prefill load / limit", series.prefillLoad, (value) => value.toFixed(2)],
    ["decode load / limit", series.decodeLoad, (value) => value.toFixed(2)],
    ["waiting for prefill", series.prefillQueue, count],
    ["decoding", series.decodeBatch, count],
    ["rejected", series.rejections, count],
  ];
  const labels = Math.max(...rows.map(([label]) => label.length));
  const cells = Math.max(10, Math.min(100, width - labels - 18));
  const shown = rows.filter(([, values]) => values.some((value) => value > 0));
  return [
    ...shown.map(([label, values, format]) => {
      const most = Math.max(...values);
      return `  ${label.padEnd(labels)}  ${spark(values, cells, most, style.unicode)}  ${dim(`max ${format(most)}`)}`;
    }),
    dim(`  ${"".padEnd(labels)}  0${time(virtualMs).padStart(cells - 1)}`),
  ];
}

function spark(values: readonly number[], cells: number, most: number, unicode: boolean): string {
  const levels = unicode ? "▁▂▃▄▅▆▇█" : "_.-=*#";
  return Array.from(
    { length: Math.min(cells, Math.max(values.length, 1)) },
    (_, i, all = Math.min(cells, values.length)) => {
      const part = values.slice(
        Math.floor((i * values.length) / all),
        Math.max(Math.floor(((i + 1) * values.length) / all), 1),
      );
      const value = Math.max(0, ...part);
      if (value <= 0 || most <= 0) return unicode ? " " : " ";
      return levels[Math.min(levels.length - 1, Math.floor((value / most) * levels.length))];
    },
  )
    .join("")
    .padEnd(cells);
}

/** Groups of facts, two beside each other where there is room. */
function groups(all: readonly FactGroup[], width: number, bold: Paint, dim: Paint): string[] {
  const two = width >= 118 && all.length > 1;
  const column = two ? Math.floor((width - 4) / 2) : width;
  const blocks = all.map(({ title, facts }) => {
    const labels = Math.min(28, Math.max(...facts.map(([label]) => label.length)));
    const lines = facts.flatMap(([label, value]) =>
      wrap(value, Math.max(12, column - labels - 4)).map((text, i) => ({
        plain: `  ${(i === 0 ? label : "").padEnd(labels)}  ${text}`,
        painted: `  ${dim((i === 0 ? label : "").padEnd(labels))}  ${text}`,
      })),
    );
    return [{ plain: title, painted: bold(title) }, ...lines];
  });
  if (!two) return blocks.flatMap((block) => ["", ...block.map(({ painted }) => painted)]);
  const out: string[] = [];
  for (let i = 0; i < blocks.length; i += 2) {
    const [left, right = []] = [blocks[i], blocks[i + 1]];
    out.push("");
    for (let line = 0; line < Math.max(left.length, right.length); line++) {
      const at = left[line];
      const gap = " ".repeat(column + 4 - (at?.plain.length ?? 0));
      out.push(((at?.painted ?? "") + gap + (right[line]?.painted ?? "")).trimEnd());
    }
  }
  return out;
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = "";
    }
    line = line === "" ? word : `${line} ${word}`;
    // A hash is longer than a narrow column.
    while (line.length > width) {
      lines.push(line.slice(0, width));
      line = line.slice(width);
    }
  }
  return line === "" && lines.length > 0 ? lines : [...lines, line];
}

function ascii(line: string): string {
  return line
    .replaceAll("≤", "<=")
    .replaceAll("–", "-")
    .replaceAll("−", "-")
    .replaceAll("…", "..")
    .replaceAll("×", "x");
}
