import type { Tensor } from "@baltoro/tensor";

/** Rows of a weight that QK-Clip scales for each head: h · rowsPerHead + start … + count. */
export interface ClippedRows {
  readonly weight: Tensor;
  readonly rowsPerHead: number;
  readonly start: number;
  readonly count: number;
  /** 1: multiply by γ, 0: by √γ. */
  readonly power: 0 | 1;
}

/** One attention layer for QK-Clip: its heads' largest logits since the last step, and the rows to scale. */
export interface ClippedAttention {
  /** f32 [H] on the device. */
  readonly maxLogits: Tensor;
  readonly rows: readonly ClippedRows[];
}

/**
 * QK-Clip (K2 report, Algorithm 1): where a head's largest logit S exceeds τ, γ = τ / S scales its query and key weights
 * after the step: √γ on q_nope and k_nope, γ on q_rope; the key's shared rotary part stays. The forward and backward
 * pass of the step are not changed.
 */
export function qkClip(layers: readonly ClippedAttention[], tau: number): void {
  for (const { maxLogits, rows } of layers) {
    const heads = maxLogits.size;
    for (const { weight, rowsPerHead, start, count, power } of rows) {
      weight.device.backend.enqueue("qkClip", {
        w: weight.buffer,
        maxLogits: maxLogits.buffer,
        heads,
        rowsPerHead,
        start,
        count,
        columns: weight.shape[1],
        tau,
        power,
      });
    }
  }
}
