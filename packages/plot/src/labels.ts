import type { Series } from "./chart.ts";
import { paperColor } from "./style.ts";
import { escapeText, num, textWidth } from "./text.ts";

const lineHeight = 18;

/** Legend entries from left to right, in as many lines as they need. */
export function layoutLegend(
  series: readonly Series[],
  width: number,
  titled: boolean,
): { height: number; svg: (top: number) => string } {
  const labelled = series.filter(({ quiet }) => !quiet);
  if (labelled.length < 2) return { height: titled ? 4 : 0, svg: () => "" };
  let [x, row] = [4, 0];
  const entries = labelled.map((one) => {
    const needed = 22 + textWidth(one.label) + 18;
    if (x > 4 && x + needed - 18 > width) [x, row] = [4, row + 1];
    const entry = { one, x, row };
    x += needed;
    return entry;
  });
  const draw = (top: number) =>
    entries
      .map(({ one, x: at, row: line }) => {
        const y = top + 9 + line * lineHeight;
        const paint = `stroke="${paperColor(one.color)}" style="stroke:${one.color}" stroke-width="${Math.max(one.width ?? 2, 2)}"`;
        const swatch = `<line x1="${num(at)}" x2="${num(at + 16)}" y1="${y}" y2="${y}" ${paint}${one.dash ? ` stroke-dasharray="${one.dash}"` : ""}${one.opacity === undefined ? "" : ` opacity="${Math.min(1, one.opacity * 1.5)}"`}/>`;
        const dot = one.dots
          ? `<circle class="dot" cx="${num(at + 8)}" cy="${y}" r="3.2" fill="${paperColor(one.color)}" style="fill:${one.color}"/>`
          : "";
        return `${swatch}${dot}<text class="legend" x="${num(at + 22)}" y="${y + 4}">${escapeText(one.label)}</text>`;
      })
      .join("");
  return { height: (row + 1) * lineHeight + 6, svg: draw };
}

/** The last value of a curve. */
export interface EndLabel {
  readonly text: string;
  readonly y: number;
  readonly color: string;
}

export function endLabels(series: readonly Series[]): EndLabel[] {
  return series.flatMap(({ points, quiet, color }) => {
    const y = points.findLast((point) => point.y !== null && Number.isFinite(point.y))?.y;
    return quiet || y === null || y === undefined ? [] : [{ text: y.toPrecision(4), y, color }];
  });
}

/** Labels at the right edge, moved apart where they would overlap. */
export function drawEndLabels(
  ends: readonly EndLabel[],
  sy: (y: number) => number,
  right: number,
  top: number,
  bottom: number,
): string {
  const placed = ends
    .map((end) => ({ ...end, at: Math.min(Math.max(sy(end.y), top), bottom) }))
    .sort((a, b) => a.at - b.at);
  for (let i = 1; i < placed.length; i++) placed[i].at = Math.max(placed[i].at, placed[i - 1].at + 14);
  const over = (placed.at(-1)?.at ?? bottom) - bottom;
  return placed
    .map(({ text, color, at }) => {
      const y = num(at - Math.max(over, 0) + 4);
      return `<text class="end" x="${num(right + 8)}" y="${y}" fill="${paperColor(color)}" style="fill:${color}">${text}</text>`;
    })
    .join("");
}
