import { type Implementations, put, sigmoid } from "./view.ts";

export const lossKernels: Implementations<
  | "countTargets"
  | "crossEntropy"
  | "bceForward"
  | "bceBackward"
  | "gatherRows"
  | "scatterAddRows"
  | "gatherColumns"
  | "scatterAddColumns"
> = {
  countTargets({ targets, count, inverse, n, ignore }) {
    count[0] = targets.subarray(0, n).filter((target) => target !== ignore).length;
    inverse[0] = 1 / Math.max(count[0], 1);
  },
  crossEntropy({ x, targets, loss, dx, rows, vocab, ignore, zLoss }) {
    for (let r = 0; r < rows; r++) {
      const row = x.subarray(r * vocab, (r + 1) * vocab);
      const target = targets[r];
      if (target === ignore) {
        loss[r] = 0;
        dx?.fill(0, r * vocab, (r + 1) * vocab);
        continue;
      }
      const max = row.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
      const lse = max + Math.log(row.reduce((sum, value) => sum + Math.exp(value - max), 0));
      loss[r] = lse - row[target] + zLoss * lse * lse;
      if (!dx) continue;
      for (let c = 0; c < vocab; c++) {
        dx[r * vocab + c] = Math.exp(row[c] - lse) * (1 + 2 * zLoss * lse) - (c === target ? 1 : 0);
      }
    }
  },
  bceForward({ x, target, loss, n }) {
    for (let i = 0; i < n; i++) {
      loss[i] = Math.max(x[i], 0) - x[i] * target[i] + Math.log1p(Math.exp(-Math.abs(x[i])));
    }
  },
  bceBackward({ dy, x, target, dx, n, accumulate }) {
    for (let i = 0; i < n; i++) put(dx, i, dy[i] * (sigmoid(x[i]) - target[i]), accumulate);
  },
  gatherRows({ table, ids, y, rows, dim, vocab }) {
    for (let r = 0; r < rows; r++) {
      const known = ids[r] >= 0 && ids[r] < vocab;
      for (let i = 0; i < dim; i++) y[r * dim + i] = known ? table[ids[r] * dim + i] : 0;
    }
  },
  scatterAddRows({ dy, ids, dtable, rows, dim, vocab }) {
    for (let r = 0; r < rows; r++) {
      if (ids[r] < 0 || ids[r] >= vocab) continue;
      for (let i = 0; i < dim; i++) dtable[ids[r] * dim + i] += dy[r * dim + i];
    }
  },
  gatherColumns({ x, index, y, rows, columns, k }) {
    for (let r = 0; r < rows; r++) {
      for (let j = 0; j < k; j++) y[r * k + j] = x[r * columns + index[r * k + j]];
    }
  },
  scatterAddColumns({ dy, index, dx, rows, columns, k }) {
    for (let r = 0; r < rows; r++) {
      for (let j = 0; j < k; j++) dx[r * columns + index[r * k + j]] += dy[r * k + j];
    }
  },
};
