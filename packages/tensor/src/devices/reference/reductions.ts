import { type ReduceOp, reduceOps } from "../../kernels/index.ts";
import { type Implementations, put } from "./view.ts";

const combine: Readonly<Record<ReduceOp, (a: number, b: number) => number>> = {
  sum: (a, b) => a + b,
  mean: (a, b) => a + b,
  max: Math.max,
  min: Math.min,
};
const start: Readonly<Record<ReduceOp, number>> = {
  sum: 0,
  mean: 0,
  max: Number.NEGATIVE_INFINITY,
  min: Number.POSITIVE_INFINITY,
};

export const reductionKernels: Implementations<"reduce" | "sumSquares" | "softmaxForward" | "softmaxBackward"> = {
  reduce({ x, y, outer, axis, inner, op, accumulate }) {
    const name = reduceOps[op];
    for (let o = 0; o < outer; o++) {
      for (let i = 0; i < inner; i++) {
        let result = start[name];
        for (let a = 0; a < axis; a++) result = combine[name](result, x[(o * axis + a) * inner + i]);
        put(y, o * inner + i, name === "mean" ? result / axis : result, accumulate);
      }
    }
  },
  sumSquares({ x, y, n, accumulate }) {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += x[i] ** 2;
    put(y, 0, sum, accumulate);
  },
  softmaxForward({ x, y, rows, columns }) {
    for (let r = 0; r < rows; r++) {
      const row = x.subarray(r * columns, (r + 1) * columns);
      const max = row.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
      const sum = row.reduce((total, value) => total + Math.exp(value - max), 0);
      for (let c = 0; c < columns; c++) y[r * columns + c] = Math.exp(row[c] - max) / sum;
    }
  },
  softmaxBackward({ dy, y, dx, rows, columns, accumulate }) {
    for (let r = 0; r < rows; r++) {
      let dot = 0;
      for (let c = 0; c < columns; c++) dot += dy[r * columns + c] * y[r * columns + c];
      for (let c = 0; c < columns; c++) {
        const at = r * columns + c;
        put(dx, at, y[at] * (dy[at] - dot), accumulate);
      }
    }
  },
};
