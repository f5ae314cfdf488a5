import { openReferenceBackend } from "@baltoro/tensor";
import type { Case, Cases } from "./case.ts";
import { documentIds, integers, random, zeros } from "./draw.ts";
import { runSync } from "./run.ts";

function attentionCase(
  batch: number,
  sequence: number,
  heads: number,
  qkDim: number,
  vDim: number,
  causal: number,
): Case {
  const rows = batch * sequence * heads;
  return {
    args: {
      q: random(rows * qkDim),
      k: random(rows * qkDim),
      v: random(rows * vDim),
      documents: documentIds(batch, sequence),
      out: zeros(rows * vDim),
      lse: zeros(rows),
      rowMax: zeros(rows),
      batch,
      sequence,
      heads,
      qkDim,
      vDim,
      scale: 0.7,
      causal,
    },
  };
}

export const attentionCases: Cases<keyof typeof import("../../src/kernels/attention.ts").attentionKernels> = {
  rope: () =>
    [0, 1].flatMap((inverse) =>
      [0, 1].map((accumulate) => ({
        args: {
          x: random(5 * 3 * 14),
          y: random(5 * 3 * 14),
          positions: integers(5, 9),
          cos: random(9 * 4),
          sin: random(9 * 4),
          rows: 5,
          heads: 3,
          headDim: 14,
          start: 5,
          ropeDim: 8,
          maxPositions: 9,
          inverse,
          accumulate,
        },
      })),
    ),
  attentionForward: () =>
    [
      [1, 1, 1, 3, 2],
      [2, 37, 3, 12, 8],
      [1, 260, 2, 16, 20],
    ].flatMap(([b, s, h, dq, dv]) => [0, 1].map((causal) => attentionCase(b, s, h, dq, dv, causal))),
  attentionBackward: () =>
    [
      [1, 1, 1, 3, 2],
      [2, 37, 3, 12, 8],
      [1, 260, 2, 16, 20],
    ].flatMap(([batch, sequence, heads, qkDim, vDim]) =>
      [0, 1].map((causal) => {
        const { args } = attentionCase(batch, sequence, heads, qkDim, vDim, causal);
        const reference = openReferenceBackend();
        const rows = batch * sequence * heads;
        const filled = runSync(reference, "attentionForward", args);
        return {
          args: {
            dout: random(rows * vDim),
            q: args["q"],
            k: args["k"],
            v: args["v"],
            out: filled["out"],
            documents: args["documents"],
            lse: filled["lse"],
            delta: zeros(rows),
            dq: zeros(rows * qkDim),
            dk: zeros(rows * qkDim),
            dv: zeros(rows * vDim),
            batch,
            sequence,
            heads,
            qkDim,
            vDim,
            scale: 0.7,
            causal,
          },
        };
      }),
    ),
  latentCacheWrite: () => [
    {
      args: {
        x: random(4 * 6),
        slots: Int32Array.from([3, -1, 0, 7]),
        cache: random(8 * 6),
        rows: 4,
        width: 6,
        slotCount: 8,
      },
    },
  ],
  pagedLatentAttention: () => [
    {
      args: {
        q: random(5 * 3 * 11),
        cache: random(6 * 4 * 11),
        blockTables: Int32Array.from([1, 3, 5, 2, 4, 0]),
        rowSequence: Int32Array.from([0, 1, 0, 1, 0]),
        contextLengths: Int32Array.from([9, 8, 1, 0, 12]),
        out: zeros(5 * 3 * 7),
        rows: 5,
        heads: 3,
        latent: 7,
        ropeDim: 4,
        blockSize: 4,
        maxBlocks: 3,
        scale: 0.4,
      },
    },
  ],
};
