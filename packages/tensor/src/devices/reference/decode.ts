import type { FusedKernelName } from "../../kernels/index.ts";
import { attentionKernels, rotatePairs } from "./attention.ts";
import { moeKernels } from "./moe.ts";
import { type Implementations, sigmoid, type View } from "./view.ts";

/** Σ a[aAt + i] · b[bAt + i]. */
function dot(a: View, aAt: number, b: View, bAt: number, n: number): number {
  let sum = 0;
  for (let i = 0; i < n; i++) sum += a[aAt + i] * b[bAt + i];
  return sum;
}

function rstdOf(x: View, at: number, dim: number, eps: number): number {
  return 1 / Math.sqrt(dot(x, at, x, at, dim) / dim + eps);
}

export const decodeKernels: Implementations<FusedKernelName> = {
  normProducts({ x, weight, normed, w0, w1, w2, y0, y1, y2, rows, dim, n0, n1, n2, eps }) {
    for (let r = 0; r < rows; r++) {
      const rstd = rstdOf(x, r * dim, dim, eps);
      const row = x.slice(r * dim, (r + 1) * dim).map((value, i) => value * rstd * weight[i]);
      normed?.set(row, r * dim);
      for (const [w, y, n] of [[w0, y0, n0] as const, [w1, y1, n1] as const, [w2, y2, n2] as const]) {
        for (let j = 0; w && y && j < n; j++) y[r * n + j] = dot(row, 0, w, j * dim, dim);
      }
    }
  },
  latentInputs(g) {
    const { q, kv, norm, keys, positions, cos, sin, slots, absorbed, cache } = g;
    const { rows, heads, nope, latent, ropeDim, slotCount, eps } = g;
    const width = latent + ropeDim;
    for (let r = 0; r < rows; r++) {
      const rotation = { n: ropeDim, position: positions[r], cos, sin, inverse: 0, accumulate: 0 };
      for (let h = 0; h < heads; h++) {
        const [from, to] = [(r * heads + h) * (nope + ropeDim), (r * heads + h) * width];
        for (let c = 0; c < latent; c++) absorbed[to + c] = dot(q, from, keys, (h * latent + c) * nope, nope);
        rotatePairs(q, from + nope, absorbed, to + latent, rotation);
      }
      const slot = slots[r];
      if (slot < 0 || slot >= slotCount) continue;
      const rstd = rstdOf(kv, r * width, latent, eps);
      for (let c = 0; c < latent; c++) cache[slot * width + c] = kv[r * width + c] * rstd * norm[c];
      rotatePairs(kv, r * width + latent, cache, slot * width + latent, rotation);
    }
  },
  pagedLatentValues({ values, out, valueDim, ...g }) {
    const { rows, heads, latent } = g;
    const attended = new Float64Array(rows * heads * latent);
    attentionKernels.pagedLatentAttention({ ...g, out: attended });
    for (let at = 0; at < rows * heads; at++) {
      for (let c = 0; c < valueDim; c++) {
        out[at * valueDim + c] = dot(attended, at * latent, values, ((at % heads) * valueDim + c) * latent, latent);
      }
    }
  },
  routedGates({ x, gate, up, y, n, dim, ...g }) {
    const { rows, k, indices } = g;
    moeKernels.routeForward({ ...g, scores: new Float64Array(rows * g.experts) });
    for (let choice = 0; choice < rows * k; choice++) {
      const token = Math.floor(choice / k);
      for (let j = 0; j < n; j++) {
        const at = (indices[choice] * n + j) * dim;
        const inner = dot(x, token * dim, gate, at, dim);
        y[choice * n + j] = inner * sigmoid(inner) * dot(x, token * dim, up, at, dim);
      }
    }
  },
  downProducts({ residual, y, indices, weights, down, gate, up, sharedDown, out, rows, dim, k, n, m }) {
    for (let t = 0; t < rows; t++) {
      const inner = gate.slice(t * m, (t + 1) * m).map((value, i) => value * sigmoid(value) * up[t * m + i]);
      for (let c = 0; c < dim; c++) {
        let sum = residual[t * dim + c] + dot(inner, 0, sharedDown, c * m, m);
        for (let j = t * k; y && indices && weights && down && j < (t + 1) * k; j++)
          sum += weights[j] * dot(y, j * n, down, (indices[j] * dim + c) * n, n);
        out[t * dim + c] = sum;
      }
    }
  },
};
