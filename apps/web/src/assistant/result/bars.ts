import { drawing } from "../../dom/element.ts";

const percent = (share: number) =>
  `${(100 * Math.max(0, Math.min(1, Number.isFinite(share) ? share : 0))).toFixed(2)}%`;

/** A probability as a bar from 0 to 1 with its interval as a line over it. Lengths are SVG attributes: the policy refuses styles. */
export function probabilityBar(probability: number, low: number, high: number): SVGSVGElement {
  const ticks = [0.25, 0.5, 0.75].map((at) =>
    drawing("line", { class: "bar-tick", x1: percent(at), x2: percent(at), y1: 0, y2: 16 }),
  );
  const end = (at: number) =>
    drawing("line", { class: "bar-interval", x1: percent(at), x2: percent(at), y1: 4, y2: 12 });
  return drawing(
    "svg",
    { class: "bar-drawing", width: "100%", height: 16, "aria-hidden": "true" },
    drawing("rect", { class: "bar-track", x: 0, y: 3, width: "100%", height: 10, rx: 2 }),
    drawing("rect", { class: "bar-fill", x: 0, y: 3, width: percent(probability), height: 10, rx: 2 }),
    ...ticks,
    drawing("line", { class: "bar-halo", x1: percent(low), x2: percent(high), y1: 8, y2: 8 }),
    drawing("line", { class: "bar-interval", x1: percent(low), x2: percent(high), y1: 8, y2: 8 }),
    end(low),
    end(high),
  );
}

/** A share from 0 to 1 as a small bar. */
export function shareBar(share: number, className: string): SVGSVGElement {
  return drawing(
    "svg",
    { class: `share-bar ${className}`, width: "100%", height: 4, "aria-hidden": "true" },
    drawing("rect", { class: "share-track", width: "100%", height: 4, rx: 2 }),
    drawing("rect", { class: "share-fill", width: percent(Math.max(share, 0.02)), height: 4, rx: 2 }),
  );
}

/** Values in their order as a line, with the healthy range behind it. */
export function trendLine(
  values: readonly number[],
  range?: { readonly low: number; readonly high: number },
): SVGSVGElement {
  const [width, height, pad] = [64, 20, 3];
  const all = range
    ? [...values, Math.max(range.low, Math.min(...values)), Math.min(range.high, Math.max(...values))]
    : values;
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const y = (value: number) =>
    high === low ? height / 2 : height - pad - ((value - low) / (high - low)) * (height - 2 * pad);
  const x = (i: number) => pad + (i / Math.max(1, values.length - 1)) * (width - 2 * pad);
  const clip = (value: number) => Math.max(0, Math.min(height, y(value)));
  const band = range
    ? [
        drawing("rect", {
          class: "trend-band",
          x: 0,
          width,
          y: clip(range.high),
          height: Math.max(0, clip(range.low) - clip(range.high)),
        }),
      ]
    : [];
  const points = values.map((value, i) => `${x(i).toFixed(1)},${y(value).toFixed(1)}`);
  return drawing(
    "svg",
    { class: "trend", viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true" },
    ...band,
    drawing("polyline", { class: "trend-line", points: points.join(" ") }),
    drawing("circle", { class: "trend-end", cx: x(values.length - 1), cy: y(values[values.length - 1]), r: 2.2 }),
  );
}
