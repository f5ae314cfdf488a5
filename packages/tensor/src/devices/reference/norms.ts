import { type Implementations, put } from "./view.ts";

export const normKernels: Implementations<
  "rmsNormForward" | "rmsNormBackward" | "layerNormForward" | "layerNormBackward"
> = {
  rmsNormForward({ x, weight, y, rstd, rows, dim, eps }) {
    for (let r = 0; r < rows; r++) {
      let squares = 0;
      for (let i = 0; i < dim; i++) squares += x[r * dim + i] ** 2;
      rstd[r] = 1 / Math.sqrt(squares / dim + eps);
      for (let i = 0; i < dim; i++) y[r * dim + i] = x[r * dim + i] * rstd[r] * weight[i];
    }
  },
  rmsNormBackward({ dy, x, weight, rstd, dx, dweight, rows, dim, accumulateX, accumulateWeight }) {
    if (dweight && !accumulateWeight) dweight.fill(0, 0, dim);
    for (let r = 0; r < rows; r++) {
      let dot = 0;
      for (let i = 0; i < dim; i++) dot += dy[r * dim + i] * weight[i] * x[r * dim + i];
      for (let i = 0; i < dim; i++) {
        const at = r * dim + i;
        if (dweight) dweight[i] += dy[at] * x[at] * rstd[r];
        if (dx) put(dx, at, rstd[r] * (dy[at] * weight[i] - (x[at] * rstd[r] ** 2 * dot) / dim), accumulateX);
      }
    }
  },
  layerNormForward({ x, weight, bias, y, mean, rstd, rows, dim, eps }) {
    for (let r = 0; r < rows; r++) {
      const row = x.subarray(r * dim, (r + 1) * dim);
      mean[r] = row.reduce((sum, value) => sum + value, 0) / dim;
      rstd[r] = 1 / Math.sqrt(row.reduce((sum, value) => sum + (value - mean[r]) ** 2, 0) / dim + eps);
      for (let i = 0; i < dim; i++) y[r * dim + i] = (row[i] - mean[r]) * rstd[r] * weight[i] + (bias ? bias[i] : 0);
    }
  },
  layerNormBackward(g) {
    const { dy, x, weight, mean, rstd, dx, dweight, dbias, rows, dim } = g;
    if (dweight && !g.accumulateWeight) dweight.fill(0, 0, dim);
    if (dbias && !g.accumulateBias) dbias.fill(0, 0, dim);
    for (let r = 0; r < rows; r++) {
      let sum = 0;
      let dot = 0;
      const normed = (i: number) => (x[r * dim + i] - mean[r]) * rstd[r];
      for (let i = 0; i < dim; i++) {
        sum += dy[r * dim + i] * weight[i];
        dot += dy[r * dim + i] * weight[i] * normed(i);
      }
      for (let i = 0; i < dim; i++) {
        const at = r * dim + i;
        if (dweight) dweight[i] += dy[at] * normed(i);
        if (dbias) dbias[i] += dy[at];
        if (dx) put(dx, at, rstd[r] * (dy[at] * weight[i] - sum / dim - (normed(i) * dot) / dim), g.accumulateX);
      }
    }
  },
};
