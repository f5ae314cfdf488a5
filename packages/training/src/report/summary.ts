import { finiteValues, median, type Point, smooth, smoothingWidth } from "@baltoro/plot";
import type { MetricsRecord } from "../metrics/index.ts";
import { curveOf, largest, lastOf, type RunReport } from "./run-report.ts";

/** The numbers of a run that are quoted. */
export interface RunSummary {
  readonly step: number;
  readonly tokens?: number;
  readonly seconds?: number;
  /** Median over the run. */
  readonly tokensPerSecond?: number;
  /** Training loss at the end, smoothed. */
  readonly trainLoss?: number;
  readonly valLoss?: number;
  readonly valBitsPerByte?: number;
  readonly bestVal?: { readonly step: number; readonly loss: number };
  readonly highestLogit?: { readonly step: number; readonly value: number };
  /** Steps whose largest logit was above τ. */
  readonly clippedSteps?: number;
}

/** Sums a run up. */
export function summarize({ records, qkClipThreshold }: RunReport): RunSummary {
  const loss = curveOf(records, (record) => record.loss);
  const speed = finiteValues(curveOf(records, ({ tokensPerSecond }) => tokensPerSecond));
  const logits = curveOf(records, ({ maxLogits }) => largest(maxLogits));
  const highest = peak(logits, 1);
  const best = peak(
    curveOf(records, ({ valLoss }) => valLoss),
    -1,
  );
  return {
    step: records.at(-1)?.step ?? 0,
    tokens: lastOf(records, ({ tokens }) => tokens),
    seconds: lastOf(records, ({ seconds }) => seconds),
    tokensPerSecond: speed.length > 0 ? median(speed) : undefined,
    trainLoss: finalLoss(loss),
    valLoss: lastOf(records, ({ valLoss }) => valLoss),
    valBitsPerByte: lastOf(records, ({ valBitsPerByte }) => valBitsPerByte),
    ...(best ? { bestVal: { step: best.x, loss: best.y } } : {}),
    ...(highest ? { highestLogit: { step: highest.x, value: highest.y } } : {}),
    ...(highest && qkClipThreshold !== undefined
      ? { clippedSteps: logits.filter(({ y }) => y !== null && y > qkClipThreshold).length }
      : {}),
  };
}

/** Mean of the last part: a single step says little. */
function finalLoss(loss: readonly Point[]): number | undefined {
  const values = finiteValues(loss.slice(-smoothingWidth(loss.length)));
  return values.length > 0 ? values.reduce((sum, value) => sum + value, 0) / values.length : undefined;
}

function peak(points: readonly Point[], sign: 1 | -1): { x: number; y: number } | null {
  let best: { x: number; y: number } | null = null;
  for (const { x, y } of points) {
    if (y !== null && (best === null || sign * y > sign * best.y)) best = { x, y };
  }
  return best;
}

/** The first step, and the tokens, at which a run's loss is down to `target`: validation where there is one, else smoothed training. */
export function reaches(records: readonly MetricsRecord[], target: number): { step: number; tokens?: number } | null {
  const validation = curveOf(records, ({ valLoss }) => valLoss);
  const train = curveOf(records, ({ loss }) => loss);
  const points = validation.length > 0 ? validation : smooth(train, smoothingWidth(train.length));
  const hit = points.findIndex(({ y }) => y !== null && y <= target);
  if (hit < 0) return null;
  const [before, at] = [points[hit - 1], points[hit]];
  // Between two validations the loss is taken as a line.
  const share =
    before && before.y !== null && at.y !== null && before.y > at.y ? (before.y - target) / (before.y - at.y) : 1;
  const step = before ? before.x + share * (at.x - before.x) : at.x;
  const perStep = records.findLast(({ tokens, step: taken }) => tokens !== undefined && taken > 0);
  return {
    step: Math.round(step),
    ...(perStep?.tokens ? { tokens: Math.round((step * perStep.tokens) / perStep.step) } : {}),
  };
}

/**
 * Where a picture of losses may end above. A loss falls from ln(vocabulary) within the first steps, and all that matters
 * happens below: the bound is what is reached after 4 % of the way. Null where that would cut off little.
 */
export function lossCeiling(curves: readonly (readonly Point[])[]): number | null {
  const xs = curves.flatMap((points) => points.map(({ x }) => x));
  if (xs.length < 100) return null;
  const from = Math.min(...xs) + (Math.max(...xs) - Math.min(...xs)) * 0.04;
  const later = curves.flatMap((points) => finiteValues(points.filter(({ x }) => x >= from)));
  const [low, high] = [Math.min(...later), Math.max(...later)];
  const start = Math.max(...curves.flatMap(finiteValues));
  return start > high + (high - low) * 0.25 ? high + (high - low) * 0.08 : null;
}
