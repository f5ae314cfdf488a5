/**
 * One line of metrics.jsonl: what is known after `step` optimizer steps. Every field but `step` may be absent; a number that
 * was not finite is null. Other fields are kept.
 */
export interface MetricsRecord {
  /** Optimizer steps taken, this one included: the first record has 1. A validation before training has 0. */
  readonly step: number;
  /** Tokens seen since the start of the run. */
  readonly tokens?: number;
  /** Training loss, nats per predicted token. */
  readonly loss?: number | null;
  readonly learningRate?: number;
  /** Global norm before clipping. */
  readonly gradientNorm?: number | null;
  /** Largest attention logit per layer, before QK-Clip. */
  readonly maxLogits?: readonly (number | null)[];
  /** Share of all heads that QK-Clip has scaled after this step. */
  readonly clippedHeads?: number;
  /** Largest attention logit per layer and head, where the run was asked to write it. */
  readonly headLogits?: readonly (readonly (number | null)[])[];
  /** Largest expert load over the mean, per layer with experts. */
  readonly loadImbalance?: readonly (number | null)[];
  readonly tokensPerSecond?: number;
  /** Time spent training since the start of the run, without the pauses between a stop and a resume. */
  readonly seconds?: number;
  /** Validation loss, nats per predicted token. */
  readonly valLoss?: number | null;
  /** Validation loss in bits per byte of text. */
  readonly valBitsPerByte?: number | null;
  /** Texts written by the model at this step. */
  readonly samples?: readonly { readonly prompt: string; readonly text: string }[];
}
