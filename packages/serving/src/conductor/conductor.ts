import { presentLoad } from "../admission/decode-load.ts";
import { judgeArrival, judgeDecode, rejectWithoutWorker } from "../admission/judge.ts";
import { PrefixMatch } from "../prefix-index/index.ts";
import type { ClusterView } from "../view/index.ts";
import { type ConductorConfig, type ConductorOptions, conductorConfig } from "./config.ts";
import { chooseDecode, emptyDecodeChoice } from "./decode-choice.ts";
import { choosePrefill, emptyPrefillChoice } from "./prefill-choice.ts";
import type { Decision, EstimateTerms, PrefixTransfer, Rejection, ScheduleRequest } from "./types.ts";

/** Decides where requests go. */
export interface Conductor {
  readonly config: ConductorConfig;
  /**
   * Where a request goes, or why it is turned away. A function of the view, the request and the time: it changes nothing.
   *
   * @throws RangeError if `inputTokens` is not an integer ≥ 1, there are more blocks than the prompt has, or `nowMs` is not finite.
   * @throws Error if an estimator gives no finite time.
   */
  decide(view: ClusterView, request: ScheduleRequest, nowMs: number): Decision | Rejection;
  /** Whether a request whose prefill has ended is turned away after all: the `baseline`'s second check; null with any other admission. */
  recheck(view: ClusterView, decision: Decision, nowMs: number): Rejection | null;
}

const noTransfers: readonly PrefixTransfer[] = [];

/**
 * Makes a conductor: Algorithm 1 of Mooncake and what it is compared with.
 *
 * TTFT depends on the prefill worker alone, and TBT on the decode worker and on when that prefill ends. So the least (TTFT, TBT) of all
 * pairs is found by one pass over the prefill workers and one over the decode workers; a test compares with all pairs.
 *
 * @throws RangeError naming the option that is out of range.
 *
 * @example
 * const conductor = createConductor({ policy: "min", admission: "predictive", ttftLimitMs: 30_000, tbtLimitMs: 100, blockTokens: 512, estimators });
 * const answer = conductor.decide(view, { id: 1, inputTokens: 6955, blocks }, nowMs);
 * if (answer.kind === "decision") applyEvent(view, { kind: "assigned", worker: conductorId, sequence: next++, atMs: nowMs, decision: answer });
 * else console.log(explain(answer));
 */
export function createConductor(options: ConductorOptions): Conductor {
  const config = conductorConfig(options);
  const { estimators, policy, admission, ttftForm, ttftLimitMs, tbtLimitMs, blockTokens } = config;
  const match = new PrefixMatch();
  const p = emptyPrefillChoice();
  const d = emptyDecodeChoice();

  return {
    config,
    decide(view, request, nowMs) {
      checkRequest(request, nowMs, blockTokens);
      view.index.walk(request.blocks, match);
      choosePrefill(view, request, nowMs, config, match, p);
      if (p.worker < 0) {
        if (view.workers.prefillers.length > 0) failEstimate("prefill or transfer", request);
        return rejectWithoutWorker(request.id, "no-prefill-worker");
      }
      const { inputTokens, maxOutputTokens = Number.POSITIVE_INFINITY } = request;
      const outputTokens = estimators.output.expectedTokens(inputTokens, request.outputClass ?? 0, maxOutputTokens);
      const prefillEndMs = nowMs + p.ttftMs;
      chooseDecode(view, inputTokens, outputTokens, nowMs, prefillEndMs, config, d);
      if (d.worker < 0) {
        if (view.workers.decoders.length > 0) failEstimate("decode", request);
        return rejectWithoutWorker(request.id, "no-decode-worker");
      }
      const terms: EstimateTerms = {
        policy,
        admission,
        inputTokens,
        localPrefixTokens: p.localPrefixTokens,
        bestPrefixTokens: p.bestPrefixTokens,
        bestWorker: p.bestWorker,
        prefixTokens: p.prefixTokens,
        transferTokens: p.transferTokens,
        queueMs: p.queueMs,
        transferMs: p.transferMs,
        prefillMs: p.prefillMs,
        ttftForm,
        ttftMs: p.ttftMs,
        handoffMs: handoffMs(view, inputTokens),
        decodeBatch: d.batch,
        decodeContextTokens: d.contextTokens,
        tbtMs: d.tbtMs,
        decodeAtMs: admission === "predictive" || admission === "request-level" ? prefillEndMs : nowMs,
        prefillLoad: p.ttftMs / ttftLimitMs,
        decodeLoad: d.load,
        outputTokens,
        ttftLimitMs,
        tbtLimitMs,
      };
      const candidate = { request: request.id, prefill: p.worker, decode: d.worker, fits: d.fits, terms };
      return (
        judgeArrival(view, candidate, config) ?? {
          kind: "decision",
          request: request.id,
          prefill: p.worker,
          decode: d.worker,
          transfers: p.transferTokens > 0 ? [prefixTransfer()] : noTransfers,
          terms,
        }
      );
    },
    recheck(view, { request, prefill, decode, terms: before }, nowMs) {
      if (admission !== "baseline") return null;
      const { scratch } = d;
      presentLoad(view, decode, nowMs, estimators, scratch);
      const decodeBatch = scratch.batch + 1;
      const decodeContextTokens = scratch.contextTokens + before.inputTokens;
      const tbtMs = estimators.decode.stepMs(decodeBatch, decodeContextTokens);
      const terms = {
        ...before,
        decodeBatch,
        decodeContextTokens,
        tbtMs,
        decodeAtMs: nowMs,
        decodeLoad: tbtMs / tbtLimitMs,
      };
      const fits = decodeContextTokens + before.outputTokens <= view.workers.kvCapacityTokens[decode];
      return judgeDecode(view, { request, prefill, decode, fits, terms }, config);
    },
  };

  function prefixTransfer(): PrefixTransfer {
    const firstBlock = Math.ceil(p.localPrefixTokens / blockTokens);
    const blockCount = Math.ceil(p.bestPrefixTokens / blockTokens) - firstBlock;
    return { from: p.bestWorker, to: p.worker, firstBlock, blockCount, tokens: p.transferTokens };
  }

  /** What is left of the handoff when the prefill ends. Streamed by layer (FAST'25 §3.3), it runs beside the prefill. */
  function handoffMs({ workers }: ClusterView, inputTokens: number): number {
    if (p.worker === d.worker) return 0;
    const bytesPerMs = Math.min(workers.egressBytesPerMs[p.worker], workers.ingressBytesPerMs[d.worker]);
    const aheadBytes = Math.max(workers.egressBytes[p.worker], workers.ingressBytes[d.worker]);
    const wholeMs = estimators.transfer.transferMs(inputTokens, bytesPerMs, aheadBytes);
    if (!config.layerwiseHandoff) return wholeMs;
    // The last layer's part can only follow the prefill's end; of the rest, what outlasts the prefill.
    return Math.max(estimators.transfer.transferMs(1, bytesPerMs, 0), wholeMs - p.prefillMs);
  }
}

function failEstimate(which: string, { id, inputTokens }: ScheduleRequest): never {
  throw new Error(`the ${which} estimator gave no finite time for request ${id} of ${inputTokens} tokens`);
}

function checkRequest({ inputTokens, blocks }: ScheduleRequest, nowMs: number, blockTokens: number): void {
  if (!Number.isSafeInteger(inputTokens) || inputTokens < 1) {
    throw new RangeError(`inputTokens is ${inputTokens}; it must be an integer ≥ 1`);
  }
  if (blocks.length > Math.ceil(inputTokens / blockTokens)) {
    throw new RangeError(
      `blocks: ${blocks.length} for ${inputTokens} input tokens; at ${blockTokens} tokens a block there are at most ${Math.ceil(inputTokens / blockTokens)}`,
    );
  }
  if (!Number.isFinite(nowMs)) throw new RangeError(`nowMs is ${nowMs}; it must be a finite number of milliseconds`);
}
