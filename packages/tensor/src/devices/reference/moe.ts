import { type Implementations, put, sigmoid } from "./view.ts";

export const moeKernels: Implementations<
  | "routeForward"
  | "routeBackward"
  | "sortByExpert"
  | "permute"
  | "permuteBackward"
  | "unpermute"
  | "unpermuteBackward"
  | "balanceBias"
> = {
  routeForward({ logits, bias, scores, indices, weights, loads, rows, experts, k, normalize, scaling }) {
    for (let t = 0; t < rows; t++) {
      for (let e = 0; e < experts; e++) scores[t * experts + e] = sigmoid(logits[t * experts + e]);
      const biased = (e: number) => scores[t * experts + e] + bias[e];
      const order = Array.from({ length: experts }, (_, e) => e).sort((a, b) => biased(b) - biased(a) || a - b);
      const chosen = order.slice(0, k);
      const sum = chosen.reduce((total, e) => total + scores[t * experts + e], 0);
      for (const [j, e] of chosen.entries()) {
        indices[t * k + j] = e;
        weights[t * k + j] = (scores[t * experts + e] / (normalize ? sum + 1e-20 : 1)) * scaling;
        loads[e] += 1;
      }
    }
  },
  routeBackward({ dweights, scores, indices, dlogits, rows, experts, k, normalize, scaling, accumulate }) {
    if (!accumulate) dlogits.fill(0, 0, rows * experts);
    for (let t = 0; t < rows; t++) {
      const score = (j: number) => scores[t * experts + indices[t * k + j]];
      let sum = 1e-20;
      let dot = 0;
      for (let j = 0; j < k; j++) sum += score(j);
      for (let j = 0; j < k; j++) dot += dweights[t * k + j] * score(j);
      for (let j = 0; j < k; j++) {
        const s = score(j);
        const dscore = scaling * (normalize ? dweights[t * k + j] / sum - dot / sum ** 2 : dweights[t * k + j]);
        dlogits[t * experts + indices[t * k + j]] += dscore * s * (1 - s);
      }
    }
  },
  sortByExpert({ indices, offsets, order, inverse, n, experts }) {
    offsets.fill(0, 0, experts + 1);
    for (let choice = 0; choice < n; choice++) offsets[indices[choice] + 1]++;
    for (let e = 0; e < experts; e++) offsets[e + 1] += offsets[e];
    const next = offsets.slice(0, experts);
    for (let choice = 0; choice < n; choice++) {
      const row = next[indices[choice]]++;
      order[row] = choice;
      inverse[choice] = row;
    }
  },
  permute({ x, order, y, n, dim, k }) {
    for (let r = 0; r < n; r++) {
      const token = Math.floor(order[r] / k);
      for (let i = 0; i < dim; i++) y[r * dim + i] = x[token * dim + i];
    }
  },
  permuteBackward({ dy, inverse, dx, rows, dim, k, accumulate }) {
    for (let t = 0; t < rows; t++) {
      for (let i = 0; i < dim; i++) {
        let sum = 0;
        for (let j = 0; j < k; j++) sum += dy[inverse[t * k + j] * dim + i];
        put(dx, t * dim + i, sum, accumulate);
      }
    }
  },
  unpermute({ y, weights, inverse, out, rows, dim, k, accumulate }) {
    for (let t = 0; t < rows; t++) {
      for (let i = 0; i < dim; i++) {
        let sum = 0;
        for (let j = 0; j < k; j++) sum += weights[t * k + j] * y[inverse[t * k + j] * dim + i];
        put(out, t * dim + i, sum, accumulate);
      }
    }
  },
  unpermuteBackward({ dout, y, weights, inverse, dy, dweights, rows, dim, k }) {
    for (let choice = 0; choice < rows * k; choice++) {
      const token = Math.floor(choice / k);
      dweights[choice] = 0;
      for (let i = 0; i < dim; i++) {
        dy[inverse[choice] * dim + i] = weights[choice] * dout[token * dim + i];
        dweights[choice] += dout[token * dim + i] * y[inverse[choice] * dim + i];
      }
    }
  },
  balanceBias({ bias, loads, experts, rate }) {
    const mean = loads.subarray(0, experts).reduce((sum, load) => sum + load, 0) / experts;
    const delta = Array.from({ length: experts }, (_, e) => rate * Math.sign(mean - loads[e]));
    const drift = delta.reduce((sum, value) => sum + value, 0) / experts;
    for (let e = 0; e < experts; e++) bias[e] += delta[e] - drift;
    loads.fill(0, 0, experts);
  },
};
