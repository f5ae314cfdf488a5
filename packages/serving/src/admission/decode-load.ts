import type { WorkerId } from "../conductor/types.ts";
import type { Estimators } from "../estimators/types.ts";
import { type ClusterView, rowSize } from "../view/index.ts";

/** A decode worker's batch, without the request that is being decided. Written over by each prediction. */
export interface DecodeLoad {
  batch: number;
  contextTokens: number;
}

/** Reported time of a step, or the estimate for the batch as it is. */
export function presentStepMs({ workers }: ClusterView, worker: WorkerId, { decode }: Estimators): number {
  const reported = workers.stepMs[worker];
  if (reported > 0) return reported;
  return decode.stepMs(Math.max(1, workers.batch[worker]), workers.batchInputTokens[worker]);
}

/** What it decodes now: early rejection's measure, and the baseline's at the decode worker (arXiv 2407.00079 §7.2). */
export function presentLoad(
  view: ClusterView,
  worker: WorkerId,
  nowMs: number,
  estimators: Estimators,
  out: DecodeLoad,
): void {
  out.batch = view.workers.batch[worker];
  out.contextTokens = view.workers.contextTokens(worker, nowMs, presentStepMs(view, worker, estimators));
}

/** All that has been assigned to it, arrived or not, with the output it is expected to have at its end. */
export function committedLoad({ workers, requests }: ClusterView, worker: WorkerId, out: DecodeLoad): void {
  out.batch = requests.decoding(worker);
  out.contextTokens = workers.reservedTokens[worker];
}

/**
 * What it will decode at `atMs`, by the paper's system-level prediction (arXiv §7.3): every request decodes for the same time; those that
 * will have arrived by then are added, those that will have decoded for longer are left out.
 */
export function systemLevelLoad(
  view: ClusterView,
  worker: WorkerId,
  nowMs: number,
  atMs: number,
  decodeTimeMs: number,
  estimators: Estimators,
  out: DecodeLoad,
): void {
  const { batches, awaited } = view.requests;
  const sinceMs = atMs - decodeTimeMs;
  let batch = batches.count[worker];
  let input = 0;
  let starts = 0;
  if (batch > 0) {
    const { rows } = batches;
    const end = (batches.base[worker] + batch) * rowSize;
    let row = batches.base[worker] * rowSize;
    // In order of arrival: the few that have been there for too long come first.
    while (row < end && rows[row] < sinceMs) row += rowSize;
    batch = (end - row) / rowSize;
    if (batch > 0) {
      const last = end - rowSize;
      input = rows[last + 2] + rows[last + 1] - rows[row + 2];
      starts = rows[last + 3] + rows[last] - rows[row + 3];
    }
  }
  const { rows } = awaited;
  const end = (awaited.base[worker] + awaited.count[worker]) * rowSize;
  for (let row = awaited.base[worker] * rowSize; row < end; row += rowSize) {
    // What should have arrived and has not may do so at any moment.
    const start = rows[row] > nowMs ? rows[row] : nowMs;
    if (start > atMs || start < sinceMs) continue;
    batch++;
    input += rows[row + 1];
    starts += start;
  }
  out.batch = batch;
  out.contextTokens = batch === 0 ? 0 : input + (batch * atMs - starts) / presentStepMs(view, worker, estimators);
}

/**
 * What it is expected to decode at `atMs`, request by request: each counts with the probability that its output goes on that long, given
 * how far it has come. The paper leaves this to future work.
 */
export function requestLevelLoad(
  view: ClusterView,
  worker: WorkerId,
  nowMs: number,
  atMs: number,
  estimators: Estimators,
  out: DecodeLoad,
): void {
  const { batches, awaited } = view.requests;
  const stepMs = presentStepMs(view, worker, estimators);
  const { output } = estimators;
  let batch = 0;
  let context = 0;
  for (const lanes of [batches, awaited]) {
    for (let i = 0; i < lanes.count[worker]; i++) {
      const startMs = lanes === awaited ? Math.max(lanes.startAt(worker, i), nowMs) : lanes.startAt(worker, i);
      if (startMs > atMs) continue;
      const inputTokens = lanes.inputAt(worker, i);
      const generated = Math.max(0, (nowMs - startMs) / stepMs);
      const later = (atMs - startMs) / stepMs;
      const weight = output.survival(inputTokens, lanes.classAt(worker, i), generated, later);
      batch += weight;
      context += weight * (inputTokens + later);
    }
  }
  out.batch = batch;
  out.contextTokens = context;
}
