import type { Figure, Point, Series } from "@baltoro/plot";
import type { Distribution, SimulationResult } from "../simulator/result.ts";
import { count, share, significant, time } from "./quantities.ts";

/** The pictures of a report, in the order of the page. */
export function reportFigures(result: SimulationResult): Figure[] {
  const figures = [loadFigure, latencyFigure, rateFigure, queueFigure, usageFigure, nodeFigure, replicaFigure].flatMap(
    (make) => make(result) ?? [],
  );
  // Two stand in a row; one that is left over has it for itself.
  const halves = figures.filter(({ size }) => size === "half").length;
  return figures.map((figure, i) =>
    halves % 2 === 1 && i === figures.length - 1 ? { ...figure, size: "wide" } : figure,
  );
}

/** Series of a result over virtual minutes. */
function overTime({ series }: SimulationResult, values: readonly number[], scale = 1): Point[] {
  return values.map((y, i) => ({ x: series.atMs[i] / 60_000, y: y * scale }));
}

const xLabel = "virtual minutes";

function loadFigure(result: SimulationResult): Figure | null {
  const { series, oscillation } = result;
  if (series.atMs.length < 2) return null;
  const most = Math.max(...series.prefillLoad, ...series.decodeLoad);
  const worst =
    oscillation.worstCorrelation === null
      ? ""
      : ` Lowest at any shift of decode: ${significant(oscillation.worstCorrelation)}, at ${significant((oscillation.worstShiftMs ?? 0) / 1000)} s.`;
  return {
    heading: "Load of prefill and decode",
    size: "wide",
    caption: `Predicted TTFT and TBT of a mean request over their limits: above 1 a request would miss its limit. Correlation of the two: ${significant(oscillation.correlation)} (−1 is anti-phase).${worst}`,
    chart: {
      alt: "Load of the prefill and the decode instances over virtual time",
      xLabel,
      yLabel: "load / limit",
      yDomain: [0, null],
      // A limit far above the curves would flatten them.
      rules: most > 0.25 ? [{ y: 1, label: "limit" }] : [],
      series: [
        { label: "prefill", points: overTime(result, series.prefillLoad), color: "var(--c1)", width: 1.6, area: true },
        { label: "decode", points: overTime(result, series.decodeLoad), color: "var(--c2)", width: 1.6 },
      ],
    },
  };
}

function latencyFigure({ latencies, config }: SimulationResult): Figure | null {
  const { ttftMs, tbtMs } = latencies;
  if (ttftMs.count === 0) return null;
  const curve = ({ p50, p90, p95, p99, max }: Distribution, limitMs: number): Point[] =>
    [p50, p90, p95, p99, max].map((value, i) => ({
      x: [50, 90, 95, 99, 100][i],
      y: value === null ? null : value / limitMs,
    }));
  return {
    heading: "Latency against its limit",
    size: "half",
    caption: `Below 1 is within: TTFT ${time(config.ttftLimitMs)}, TBT ${time(config.tbtLimitMs)}. Completed requests: p50, p90, p95, p99 and the longest.`,
    chart: {
      alt: "TTFT and TBT over their limits, by the share of requests that are faster",
      xLabel: "% of completed requests",
      yLabel: "latency / limit (logarithmic)",
      yScale: "log",
      rules: [{ y: 1, label: "limit" }],
      series: [
        { label: "TTFT", points: curve(ttftMs, config.ttftLimitMs), color: "var(--c1)", dots: true },
        { label: "TBT", points: curve(tbtMs, config.tbtLimitMs), color: "var(--c2)", dots: true },
      ],
    },
  };
}

function rateFigure(result: SimulationResult): Figure | null {
  const { series, config, requests } = result;
  if (series.atMs.length < 2) return null;
  const perSecond = 1000 / config.sampleMs;
  const rejected: Series[] =
    requests.rejected > 0
      ? [
          {
            label: "rejected",
            points: overTime(result, smoothed(series.rejections), perSecond),
            color: "var(--c6)",
            area: true,
          },
        ]
      : [];
  return {
    heading: "Requests",
    size: "half",
    caption: `A second, mean over ${time(config.sampleMs * smoothingSteps)}. Rejected: ${count(requests.rejected)}.`,
    chart: {
      alt: "Arrivals, completions and rejections per second over virtual time",
      xLabel,
      yLabel: "requests per second",
      yDomain: [0, null],
      series: [
        { label: "arrived", points: overTime(result, smoothed(series.arrivals), perSecond), color: "var(--c3)" },
        { label: "completed", points: overTime(result, smoothed(series.completions), perSecond), color: "var(--c1)" },
        ...rejected,
      ],
    },
  };
}

function queueFigure(result: SimulationResult): Figure | null {
  const { series } = result;
  if (series.atMs.length < 2) return null;
  const line = (label: string, values: readonly number[], color: string): Series[] =>
    values.some((value) => value > 0) ? [{ label, points: overTime(result, values), color, width: 1.5 }] : [];
  return {
    heading: "Where requests are",
    size: "half",
    caption: `Longest prefill queue ${count(Math.max(0, ...series.prefillQueue))}, largest number decoding ${count(Math.max(0, ...series.decodeBatch))}, over all nodes.`,
    chart: {
      alt: "Requests in prefill, decoding and waiting to decode over virtual time",
      xLabel,
      yLabel: "requests",
      yDomain: [0, null],
      series: [
        ...line("waiting or in prefill", series.prefillQueue, "var(--c1)"),
        ...line("decoding", series.decodeBatch, "var(--c2)"),
        ...line("waiting to decode", series.decodeQueue, "var(--c6)"),
      ],
    },
  };
}

function usageFigure(result: SimulationResult): Figure | null {
  const { series, transfers } = result;
  if (series.atMs.length < 2) return null;
  return {
    heading: "Utilization",
    size: "half",
    caption: `Busiest link ${share(transfers.maxLinkUtilization)} over the run; all links ${share(transfers.meanLinkUtilization)}.`,
    chart: {
      alt: "Share of the time that prefill computes, and of the links' capacity that is used, over virtual time",
      xLabel,
      yLabel: "%",
      yDomain: [0, 100],
      series: [
        {
          label: "prefill",
          points: overTime(result, smoothed(series.prefillUtilization), 100),
          color: "var(--c1)",
          area: true,
        },
        { label: "links", points: overTime(result, smoothed(series.linkUtilization), 100), color: "var(--c5)" },
      ],
    },
  };
}

function nodeFigure({ nodes }: SimulationResult): Figure | null {
  if (nodes.length === 0) return null;
  const columns = (label: string, pick: "prefillUtilization" | "decodeUtilization", color: string): Series[] =>
    nodes.some((node) => node[pick] > 0)
      ? [
          {
            label,
            points: nodes.map((node, i) => ({ x: i, y: node[pick] * 100 })),
            color,
            columns: true,
            opacity: pick === "decodeUtilization" ? 0.75 : 1,
          },
        ]
      : [];
  return {
    heading: "Nodes",
    size: "half",
    caption: `Share of virtual time in which each of the ${count(nodes.length)} nodes computed.`,
    chart: {
      alt: "Utilization of each node",
      xLabel: "node",
      xWhole: true,
      yLabel: "%",
      yDomain: [0, 100],
      series: [
        ...columns("prefill", "prefillUtilization", "var(--c1)"),
        ...columns("decode", "decodeUtilization", "var(--c2)"),
      ],
    },
  };
}

function replicaFigure({ cache }: SimulationResult): Figure | null {
  const { hotBlocks } = cache;
  if (hotBlocks.length < 2) return null;
  return {
    heading: "Copies of hot blocks",
    size: "half",
    caption: `At the end, of the ${hotBlocks.length} blocks used most; the first was used ${count(hotBlocks[0].uses)} times.`,
    chart: {
      alt: "Nodes that hold a copy of each of the hottest blocks",
      xLabel: "block by use",
      xWhole: true,
      yLabel: "nodes that hold it",
      yDomain: [0, null],
      series: [
        {
          label: "copies",
          points: hotBlocks.map(({ replicas }, i) => ({ x: i + 1, y: replicas })),
          color: "var(--c4)",
          columns: true,
        },
      ],
    },
  };
}

const smoothingSteps = 6;

/** Mean over six steps: counts within one jump about. */
function smoothed(values: readonly number[]): number[] {
  return values.map((_, i) => {
    const from = Math.max(0, i - smoothingSteps / 2);
    const part = values.slice(from, Math.min(values.length, from + smoothingSteps));
    return part.reduce((sum, value) => sum + value, 0) / part.length;
  });
}
