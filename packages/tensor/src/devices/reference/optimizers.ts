import type { Implementations } from "./view.ts";

export const optimizerKernels: Implementations<
  "adamw" | "muonMomentum" | "normalizeFrobenius" | "muonUpdate" | "clipFactor" | "qkClip"
> = {
  adamw({ w, g, m, v, hyper, clip, n, decay }) {
    const [lr, weightDecay, beta1, beta2, correction1, correction2, eps, scale] = hyper;
    for (let i = 0; i < n; i++) {
      const gradient = g[i] * scale * clip[0];
      m[i] = beta1 * m[i] + (1 - beta1) * gradient;
      v[i] = beta2 * v[i] + (1 - beta2) * gradient * gradient;
      const update = m[i] / correction1 / (Math.sqrt(v[i] / correction2) + eps);
      w[i] -= lr * (update + (decay ? weightDecay * w[i] : 0));
    }
  },
  muonMomentum({ g, momentum, out, hyper, clip, n, nesterov }) {
    const [, , mu, scale] = hyper;
    for (let i = 0; i < n; i++) {
      const gradient = g[i] * scale * clip[0];
      momentum[i] = mu * momentum[i] + gradient;
      out[i] = nesterov ? gradient + mu * momentum[i] : momentum[i];
    }
  },
  normalizeFrobenius({ x, batch, n, safety, eps }) {
    for (let b = 0; b < batch; b++) {
      const matrix = x.subarray(b * n, (b + 1) * n);
      const norm = Math.sqrt(matrix.reduce((sum, value) => sum + value * value, 0));
      for (let i = 0; i < n; i++) matrix[i] /= safety * norm + eps;
    }
  },
  muonUpdate({ w, o, hyper, n, scale }) {
    const [lr, weightDecay] = hyper;
    for (let i = 0; i < n; i++) w[i] -= lr * (scale * o[i] + weightDecay * w[i]);
  },
  clipFactor({ normSquared, clip, norm, gradScale, maxNorm }) {
    norm[0] = Math.sqrt(normSquared[0]) * gradScale;
    clip[0] = maxNorm > 0 ? Math.min(1, maxNorm / (norm[0] + 1e-6)) : 1;
  },
  qkClip({ w, maxLogits, heads, rowsPerHead, start, count, columns, tau, power }) {
    for (let h = 0; h < heads; h++) {
      const gamma = maxLogits[h] > tau ? tau / maxLogits[h] : 1;
      const factor = power ? gamma : Math.sqrt(gamma);
      const first = (h * rowsPerHead + start) * columns;
      for (let i = first; i < first + count * columns; i++) w[i] *= factor;
    }
  },
};
