import type { Device, Tensor } from "@baltoro/tensor";

/** A parameter as an optimizer sees it: it knows no model. */
export interface OptimizedParameter {
  readonly name: string;
  /** [n, m], or a batch of matrices [E, n, m], or any shape for AdamW. Its `grad` is read. */
  readonly tensor: Tensor;
  /** `muon`: orthogonalized updates for matrices; `adamw`: embeddings, head, norms. */
  readonly group: "muon" | "adamw";
  /** Rows of the matrix belong to this many heads: with `perHead`, each head is orthogonalized on its own. */
  readonly heads?: number;
  /**
   * The tensor is this rank's run of a larger stack, from `first` on, `of` in all; other ranks hold the rest. Its gradient is that of the
   * whole batch already.
   */
  readonly held?: { readonly first: number; readonly of: number };
}

/** Scalars of one step. They reach the device by writes: no kernel argument depends on them. */
export interface StepScalars {
  readonly learningRate: number;
  /** Steps taken before this one, from 0: AdamW's bias correction. */
  readonly step: number;
}

/**
 * An optimizer as a pure pair: `init` makes the state, `update` enqueues one step on it. `write` sends the scalars that
 * change from step to step and must come before `update`, outside of a captured graph.
 */
export interface Optimizer<State> {
  init(device: Device, parameters: readonly OptimizedParameter[]): State;
  write(state: State, scalars: StepScalars): void;
  /** `clip` is a device scalar that every gradient is multiplied by. */
  update(state: State, clip: Tensor): void;
  /** What `tensors` puts before a parameter's name: one tensor of the parameter's shape for each. */
  readonly prefixes: readonly string[];
  /** Every tensor that a resumed run needs, by name. */
  tensors(state: State): Map<string, Tensor>;
}
