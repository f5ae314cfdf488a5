/** How long a prefill takes on a worker of speed 1. */
export interface PrefillEstimator {
  /** @param prefixTokens - Leading tokens whose KV is there; at least one token is always computed. */
  prefillMs(inputTokens: number, prefixTokens: number): number;
}

/** How long KV takes from one worker to another. */
export interface TransferEstimator {
  /**
   * @param tokens - KV of so many tokens.
   * @param bytesPerMs - The narrower of the sender's and the receiver's link.
   * @param aheadBytes - Bytes already on their way out of the sender or into the receiver, the larger.
   */
  transferMs(tokens: number, bytesPerMs: number, aheadBytes: number): number;
}

/** How long one decode step takes: the time between tokens of every sequence of the batch. */
export interface DecodeEstimator {
  /** @param contextTokens - KV tokens read, over the whole batch. */
  stepMs(batch: number, contextTokens: number): number;
}

/** How many tokens a request will put out. */
export interface OutputEstimator {
  /** Expected length of a new request. */
  expectedTokens(inputTokens: number, outputClass: number, maxOutputTokens: number): number;
  /** Probability that an output that has reached `generated` tokens reaches `later` ≥ `generated`. */
  survival(inputTokens: number, outputClass: number, generated: number, later: number): number;
}

/** What the conductor asks. Queues are of the view: see view/queue.ts. */
export interface Estimators {
  readonly prefill: PrefillEstimator;
  readonly transfer: TransferEstimator;
  readonly decode: DecodeEstimator;
  readonly output: OutputEstimator;
  /** Bytes of KV per token, all layers. */
  readonly kvBytesPerToken: number;
}

/** How well an estimator did on what it was fitted to, or, online, on each observation before it learned from it. */
export interface EstimatorError {
  readonly count: number;
  /** Of |predicted − actual| / actual. */
  readonly meanRelative: number;
  readonly p90Relative: number;
  readonly maxRelative: number;
  /** Mean of (predicted − actual) / actual: which way it errs. */
  readonly bias: number;
}
