import type { Cases } from "./case.ts";
import { integers, random, zeros } from "./draw.ts";

export const gatherCases: Cases<keyof typeof import("../../src/kernels/gather.ts").gatherKernels> = {
  gatherRows: () => [
    {
      args: {
        table: random(6 * 9),
        ids: Int32Array.from([5, 0, -1, 6, 5]),
        y: zeros(5 * 9),
        rows: 5,
        dim: 9,
        vocab: 6,
      },
    },
  ],
  scatterAddRows: () => [
    {
      args: {
        dy: random(5 * 39),
        ids: Int32Array.from([5, 0, -1, 6, 5]),
        dtable: random(6 * 39),
        rows: 5,
        dim: 39,
        vocab: 6,
      },
    },
  ],
  gatherColumns: () => [{ args: { x: random(4 * 9), index: integers(8, 9), y: zeros(8), rows: 4, columns: 9, k: 2 } }],
  scatterAddColumns: () => [
    { args: { dy: random(8), index: integers(8, 9), dx: random(4 * 9), rows: 4, columns: 9, k: 2 } },
  ],
};
