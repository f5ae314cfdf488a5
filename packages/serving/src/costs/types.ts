/** Cost models that a simulation can obey: see the file of each. */
export type CostName = "equation-1" | "measured" | "first-principles";

/**
 * How long one step of a node takes. A step computes `newTokens` of one prompt behind `prefixTokens` whose KV is there, and
 * one token for each of `batch` sequences that read `contextTokens` of KV together; either part may be empty.
 * Prefill, decode and the mixed step of chunked prefill are this one function.
 */
export interface CostModel {
  readonly name: CostName;
  /** Changes when its figures do. */
  readonly version: string;
  /** Where its figures come from and where it extrapolates. */
  readonly notes: readonly string[];
  /** ms. Affine in `contextTokens` for a given rest, with slope {@link contextMsPerToken}. */
  stepMs(newTokens: number, prefixTokens: number, batch: number, contextTokens: number): number;
  /** ms per KV token that decode reads. Two steps of one batch differ by this only, which lets a simulation jump over them. */
  readonly contextMsPerToken: number;
  /** Bytes of KV per token, all layers, whole node. */
  readonly kvBytesPerToken: number;
  /** Layers, for what overlaps layer by layer. */
  readonly layers: number;
  /** Tokens of KV that fit into a node's device memory beside the weights. */
  readonly kvCapacityTokens: number;
  /** Bytes per ms. */
  readonly networkBytesPerMs: number;
  readonly hostToDeviceBytesPerMs: number;
  readonly ssdBytesPerMs: number;
}
