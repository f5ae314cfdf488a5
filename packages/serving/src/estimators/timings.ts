import { ErrorMeter } from "./error.ts";
import { LeastSquares } from "./least-squares.ts";
import type { DecodeEstimator, EstimatorError, PrefillEstimator } from "./types.ts";

/** A prefill that took `ms`. */
export interface PrefillTiming {
  readonly inputTokens: number;
  readonly prefixTokens: number;
  readonly ms: number;
}

/** A decode step that took `ms`. */
export interface DecodeTiming {
  readonly batch: number;
  readonly contextTokens: number;
  readonly ms: number;
}

/** A fitted estimator: c·x, what c is, and how well it fits. */
export interface Fitted {
  /** In ms, of the features in order; ≥ 0 all. */
  readonly coefficients: readonly number[];
  readonly error: EstimatorError;
  /** Above this the estimate extrapolates: the largest input, or context, among the timings. */
  readonly measuredUpTo: number;
}

/**
 * Prefill as FAST'25 §4.1 regresses it, on length and prefix: c₀ + c₁ (n − p) + c₂ (n² − p²). The products of n − p new tokens with
 * weights, and their attention to all before them.
 */
export function prefillFeatures(inputTokens: number, prefixTokens: number): readonly [number, number, number] {
  const prefix = Math.min(prefixTokens, inputTokens - 1);
  return [1, inputTokens - prefix, inputTokens * inputTokens - prefix * prefix];
}

/** A decode step: c₀ (weights are read once) + c₁ batch + c₂ context (KV is read). */
export function decodeFeatures(batch: number, contextTokens: number): readonly [number, number, number] {
  return [1, batch, contextTokens];
}

/**
 * Fits prefill times offline; each timing's relative error weighs alike.
 *
 * @throws RangeError naming the timing that is out of range, or if there are fewer than three.
 *
 * @example
 * const prefill = fitPrefill([{ inputTokens: 512, prefixTokens: 0, ms: 93 }, …]);
 * prefill.prefillMs(8192, 4096);
 */
export function fitPrefill(timings: readonly PrefillTiming[]): PrefillEstimator & Fitted {
  timings.forEach(checkPrefill);
  const { coefficients, error } = fit(
    "prefill",
    timings.map(({ inputTokens, prefixTokens, ms }) => ({ x: prefillFeatures(inputTokens, prefixTokens), y: ms })),
  );
  const [c0, c1, c2] = coefficients;
  return {
    coefficients,
    error,
    measuredUpTo: timings.reduce((max, { inputTokens }) => Math.max(max, inputTokens), 0),
    prefillMs(inputTokens, prefixTokens) {
      const prefix = Math.min(prefixTokens, inputTokens - 1);
      return c0 + (inputTokens - prefix) * (c1 + c2 * (inputTokens + prefix));
    },
  };
}

/** Fits decode steps offline, as {@link fitPrefill}. */
export function fitDecode(timings: readonly DecodeTiming[]): DecodeEstimator & Fitted {
  timings.forEach(checkDecode);
  const { coefficients, error } = fit(
    "decode",
    timings.map(({ batch, contextTokens, ms }) => ({ x: decodeFeatures(batch, contextTokens), y: ms })),
  );
  const [c0, c1, c2] = coefficients;
  return {
    coefficients,
    error,
    measuredUpTo: timings.reduce((max, { contextTokens }) => Math.max(max, contextTokens), 0),
    stepMs: (batch, contextTokens) => c0 + c1 * batch + c2 * contextTokens,
  };
}

/** An estimator that learns from what happens, and keeps the error of its predictions before it learned from each. */
export interface Online<T> {
  observe(timing: T): void;
  coefficients(): readonly number[];
  error(): EstimatorError;
}

/** How an online estimator learns. */
export interface OnlineOptions {
  /** What it says before it has seen anything, as strong as `priorWeight` observations (default 20). */
  readonly priorWeight?: number;
  /** Weight that an observation keeps at each later one. Default 0.999: the last thousand count. */
  readonly memory?: number;
}

/** Prefill learned online, from a prior. @throws RangeError from `observe` if the timing is out of range; nothing is learned then. */
export function onlinePrefill(
  prior: PrefillEstimator,
  options: OnlineOptions = {},
): PrefillEstimator & Online<PrefillTiming> {
  const examples = [512, 4096, 32768].flatMap((n) =>
    [0, n / 2].map((p) => ({ x: prefillFeatures(n, p), y: prior.prefillMs(n, p) })),
  );
  const learner = online(examples, options);
  return {
    prefillMs: (inputTokens, prefixTokens) => learner.predict(prefillFeatures(inputTokens, prefixTokens)),
    observe(timing) {
      checkPrefill(timing);
      learner.observe(prefillFeatures(timing.inputTokens, timing.prefixTokens), timing.ms);
    },
    coefficients: learner.coefficients,
    error: learner.error,
  };
}

/** Decode steps learned online, from a prior, as {@link onlinePrefill}. */
export function onlineDecode(
  prior: DecodeEstimator,
  options: OnlineOptions = {},
): DecodeEstimator & Online<DecodeTiming> {
  const examples = [1, 8, 64].flatMap((b) =>
    [256, 4096].map((n) => ({ x: decodeFeatures(b, b * n), y: prior.stepMs(b, b * n) })),
  );
  const learner = online(examples, options);
  return {
    stepMs: (batch, contextTokens) => learner.predict(decodeFeatures(batch, contextTokens)),
    observe(timing) {
      checkDecode(timing);
      learner.observe(decodeFeatures(timing.batch, timing.contextTokens), timing.ms);
    },
    coefficients: learner.coefficients,
    error: learner.error,
  };
}

interface Example {
  readonly x: readonly [number, number, number];
  readonly y: number;
}

function fit(what: string, examples: readonly Example[]): { coefficients: readonly number[]; error: EstimatorError } {
  if (examples.length < 3) throw new RangeError(`${what}: ${examples.length} timings; a fit needs at least 3`);
  const squares = new LeastSquares(3);
  for (const { x, y } of examples) squares.add(x, y, 1 / (y * y));
  const coefficients = [...squares.solve()];
  const meter = new ErrorMeter();
  for (const { x, y } of examples) meter.add(dot(coefficients, x), y);
  return { coefficients, error: meter.report() };
}

function online(examples: readonly Example[], { priorWeight = 20, memory = 0.999 }: OnlineOptions) {
  if (!(priorWeight > 0)) throw new RangeError(`priorWeight is ${priorWeight}; it must be above 0`);
  if (!(memory > 0 && memory <= 1)) throw new RangeError(`memory is ${memory}; it must be above 0 and at most 1`);
  const squares = new LeastSquares(3);
  for (const { x, y } of examples) squares.add(x, y, priorWeight / examples.length / (y * y));
  let coefficients: readonly number[] = [...squares.solve()];
  const meter = new ErrorMeter();
  let seen = 0;
  return {
    predict: (x: Example["x"]) => dot(coefficients, x),
    observe(x: Example["x"], y: number) {
      meter.add(dot(coefficients, x), y);
      squares.decay(memory);
      squares.add(x, y, 1 / (y * y));
      // Solving costs microseconds: at every observation while there are few, at every 16th later.
      if (++seen > 64 && seen % 16 !== 0) return;
      coefficients = [...squares.solve()];
    },
    coefficients: () => coefficients,
    error: () => meter.report(),
  };
}

function dot(c: readonly number[], x: readonly [number, number, number]): number {
  return c[0] * x[0] + c[1] * x[1] + c[2] * x[2];
}

function checkPrefill({ inputTokens, prefixTokens, ms }: PrefillTiming, index?: number): void {
  const where = index === undefined ? "prefill timing" : `prefill timing ${index}`;
  if (!(inputTokens >= 1)) throw new RangeError(`${where}: inputTokens is ${inputTokens}; it must be at least 1`);
  if (!(prefixTokens >= 0 && prefixTokens <= inputTokens)) {
    throw new RangeError(`${where}: prefixTokens is ${prefixTokens}; it must be from 0 to inputTokens, ${inputTokens}`);
  }
  if (!(ms > 0 && ms < Infinity)) throw new RangeError(`${where}: ms is ${ms}; it must be above 0`);
}

function checkDecode({ batch, contextTokens, ms }: DecodeTiming, index?: number): void {
  const where = index === undefined ? "decode timing" : `decode timing ${index}`;
  if (!(batch >= 1)) throw new RangeError(`${where}: batch is ${batch}; it must be at least 1`);
  if (!(contextTokens >= 0)) throw new RangeError(`${where}: contextTokens is ${contextTokens}; it must be at least 0`);
  if (!(ms > 0 && ms < Infinity)) throw new RangeError(`${where}: ms is ${ms}; it must be above 0`);
}
