import { type Implementations, put, type View } from "./view.ts";

interface Sizes {
  readonly sequence: number;
  readonly heads: number;
  readonly qkDim: number;
  readonly scale: number;
  readonly causal: number;
}

/** Scaled logits of one query over the keys of its sequence, −∞ where it may not look. */
function logitsOf(q: View, k: View, documents: View, b: number, h: number, i: number, s: Sizes): Float64Array {
  const logits = new Float64Array(s.sequence).fill(Number.NEGATIVE_INFINITY);
  const base = b * s.sequence;
  for (let j = 0; j < (s.causal ? i + 1 : s.sequence); j++) {
    if (documents[base + j] !== documents[base + i]) continue;
    let dot = 0;
    for (let c = 0; c < s.qkDim; c++) {
      dot += q[((base + i) * s.heads + h) * s.qkDim + c] * k[((base + j) * s.heads + h) * s.qkDim + c];
    }
    logits[j] = s.scale * dot;
  }
  return logits;
}

interface Rotation {
  readonly n: number;
  readonly position: number;
  readonly cos: View;
  readonly sin: View;
  readonly inverse: number;
  readonly accumulate: number;
}

/** Rotates the interleaved pairs of n elements of x, from `at` on, into y from `to` on. */
export function rotatePairs(x: View, at: number, y: View, to: number, rotation: Rotation): void {
  const { n, position, cos, sin, inverse, accumulate } = rotation;
  const half = n / 2;
  for (let i = 0; i < half; i++) {
    const c = cos[position * half + i];
    const s = inverse ? -sin[position * half + i] : sin[position * half + i];
    const [even, odd] = [x[at + 2 * i], x[at + 2 * i + 1]];
    put(y, to + 2 * i, even * c - odd * s, accumulate);
    put(y, to + 2 * i + 1, even * s + odd * c, accumulate);
  }
}

export const attentionKernels: Implementations<
  "rope" | "attentionForward" | "attentionBackward" | "latentCacheWrite" | "pagedLatentAttention"
> = {
  rope({ x, y, positions, cos, sin, rows, heads, headDim, start, ropeDim, inverse, accumulate }) {
    for (let r = 0; r < rows; r++) {
      for (let h = 0; h < heads; h++) {
        const base = (r * heads + h) * headDim;
        for (let i = 0; i < headDim; i++) {
          if (i < start || i >= start + ropeDim) put(y, base + i, x[base + i], accumulate);
        }
        const from = base + start;
        rotatePairs(x, from, y, from, { n: ropeDim, position: positions[r], cos, sin, inverse, accumulate });
      }
    }
  },
  attentionForward(g) {
    const { q, k, v, documents, out, lse, rowMax, batch, sequence, heads, vDim } = g;
    for (let b = 0; b < batch; b++) {
      for (let h = 0; h < heads; h++) {
        for (let i = 0; i < sequence; i++) {
          const logits = logitsOf(q, k, documents, b, h, i, g);
          const max = logits.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
          const sum = logits.reduce((total, value) => total + Math.exp(value - max), 0);
          const stat = (b * heads + h) * sequence + i;
          rowMax[stat] = max;
          lse[stat] = max + Math.log(sum);
          for (let c = 0; c < vDim; c++) {
            let value = 0;
            for (let j = 0; j < sequence; j++) {
              if (logits[j] > Number.NEGATIVE_INFINITY || Number.isNaN(logits[j])) {
                value += Math.exp(logits[j] - lse[stat]) * v[((b * sequence + j) * heads + h) * vDim + c];
              }
            }
            out[((b * sequence + i) * heads + h) * vDim + c] = value;
          }
        }
      }
    }
  },
  attentionBackward(g) {
    const { dout, q, k, v, out, documents, lse, delta, dq, dk, dv, batch, sequence, heads, qkDim, vDim, scale } = g;
    const rows = batch * sequence * heads;
    dq.fill(0, 0, rows * qkDim);
    dk.fill(0, 0, rows * qkDim);
    dv.fill(0, 0, rows * vDim);
    for (let b = 0; b < batch; b++) {
      for (let h = 0; h < heads; h++) {
        for (let i = 0; i < sequence; i++) {
          const logits = logitsOf(q, k, documents, b, h, i, g);
          const stat = (b * heads + h) * sequence + i;
          const query = (b * sequence + i) * heads + h;
          delta[stat] = 0;
          for (let c = 0; c < vDim; c++) delta[stat] += dout[query * vDim + c] * out[query * vDim + c];
          for (let j = 0; j < sequence; j++) {
            if (logits[j] === Number.NEGATIVE_INFINITY) continue;
            const key = (b * sequence + j) * heads + h;
            const p = Math.exp(logits[j] - lse[stat]);
            let dp = 0;
            for (let c = 0; c < vDim; c++) {
              dp += dout[query * vDim + c] * v[key * vDim + c];
              dv[key * vDim + c] += p * dout[query * vDim + c];
            }
            const ds = p * (dp - delta[stat]) * scale;
            for (let c = 0; c < qkDim; c++) {
              dq[query * qkDim + c] += ds * k[key * qkDim + c];
              dk[key * qkDim + c] += ds * q[query * qkDim + c];
            }
          }
        }
      }
    }
  },
  latentCacheWrite({ x, slots, cache, rows, width }) {
    for (let r = 0; r < rows; r++) {
      if (slots[r] < 0) continue;
      for (let i = 0; i < width; i++) cache[slots[r] * width + i] = x[r * width + i];
    }
  },
  pagedLatentAttention(g) {
    const {
      q,
      cache,
      blockTables,
      rowSequence,
      contextLengths,
      out,
      rows,
      heads,
      latent,
      ropeDim,
      blockSize,
      maxBlocks,
    } = g;
    const width = latent + ropeDim;
    for (let r = 0; r < rows; r++) {
      const slotOf = (j: number) =>
        blockTables[rowSequence[r] * maxBlocks + Math.floor(j / blockSize)] * blockSize + (j % blockSize);
      for (let h = 0; h < heads; h++) {
        const logits = Array.from({ length: contextLengths[r] }, (_, j) => {
          let dot = 0;
          for (let i = 0; i < width; i++) dot += q[(r * heads + h) * width + i] * cache[slotOf(j) * width + i];
          return g.scale * dot;
        });
        const max = Math.max(...logits);
        const weights = logits.map((value) => Math.exp(value - max));
        const sum = weights.reduce((total, value) => total + value, 0);
        for (let i = 0; i < latent; i++) {
          let value = 0;
          for (const [j, weight] of weights.entries()) value += weight * cache[slotOf(j) * width + i];
          out[(r * heads + h) * latent + i] = logits.length > 0 ? value / sum : 0;
        }
      }
    }
  },
};
