import { philox4x32 } from "../../philox.ts";
import { type Implementations, put, type View } from "./view.ts";

/** Number i of a stream: word i % 4 of block i / 4. */
function uniformAt(state: View, stream: number, i: number): number {
  const block = philox4x32(state[0], state[1], Math.floor(i / 4), stream, state[2], state[3]);
  return (block[i % 4] >>> 8) / 2 ** 24;
}

export const randomKernels: Implementations<"randomUniform" | "dropout"> = {
  randomUniform({ state, y, n, stream }) {
    for (let i = 0; i < n; i++) y[i] = uniformAt(state, stream, i);
  },
  dropout({ x, state, y, n, stream, p, accumulate }) {
    for (let i = 0; i < n; i++) put(y, i, uniformAt(state, stream, i) >= p ? x[i] / (1 - p) : 0, accumulate);
  },
};
