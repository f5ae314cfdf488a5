import type { WorkerId } from "../conductor/types.ts";
import type { Estimators } from "../estimators/types.ts";
import type { ClusterView } from "../view/index.ts";

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
  out.batch = requests.decodeSets[worker].size;
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
  const { size, startMs, inputTokens, arrived } = view.requests.decodeSets[worker];
  let batch = 0;
  let input = 0;
  let ages = 0;
  for (let i = 0; i < size; i++) {
    // What should have arrived and has not may do so at any moment.
    const start = arrived[i] === 0 && startMs[i] < nowMs ? nowMs : startMs[i];
    const age = atMs - start;
    if (age < 0 || age > decodeTimeMs) continue;
    batch++;
    input += inputTokens[i];
    ages += age;
  }
  out.batch = batch;
  out.contextTokens = input + ages / presentStepMs(view, worker, estimators);
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
  const { size, startMs, inputTokens, outputClass, arrived } = view.requests.decodeSets[worker];
  const stepMs = presentStepMs(view, worker, estimators);
  const { output } = estimators;
  let batch = 0;
  let context = 0;
  for (let i = 0; i < size; i++) {
    const start = arrived[i] === 0 && startMs[i] < nowMs ? nowMs : startMs[i];
    if (start > atMs) continue;
    const generated = Math.max(0, (nowMs - start) / stepMs);
    const later = (atMs - start) / stepMs;
    const weight = output.survival(inputTokens[i], outputClass[i], generated, later);
    batch += weight;
    context += weight * (inputTokens[i] + later);
  }
  out.batch = batch;
  out.contextTokens = context;
}
