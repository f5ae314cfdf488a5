/** Cases of every kernel on random shapes, and how a backend is compared with the float64 reference on them. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import {
  type Backend,
  fp8KernelNames,
  fusedKernels,
  type KernelName,
  kernels,
  openReferenceBackend,
} from "@baltoro/tensor";
import { attentionCases } from "./attention.ts";
import type { Cases } from "./case.ts";
import { decodeCases } from "./decode.ts";
import { seedDraws } from "./draw.ts";
import { elementwiseCases } from "./elementwise.ts";
import { fp8Cases } from "./fp8-cases.ts";
import { gatherCases } from "./gather.ts";
import { lossCases } from "./losses.ts";
import { matrixCases } from "./matrix.ts";
import { moeCases } from "./moe.ts";
import { normCases } from "./norms.ts";
import { optimizerCases } from "./optimizers.ts";
import { randomCases } from "./random.ts";
import { reductionCases } from "./reductions.ts";
import { outputsOf } from "./run.ts";
import { tileCases } from "./tiles.ts";

export { roundsToBf16 } from "./bf16.ts";
export { fp8Conforms } from "./fp8.ts";
export { manyRowsConform } from "./fp8-many-rows.ts";
export { fusedConform } from "./fused.ts";

/** A kernel without cases is a compile error. */
const cases: Cases<KernelName> = {
  ...matrixCases,
  ...normCases,
  ...attentionCases,
  ...elementwiseCases,
  ...reductionCases,
  ...lossCases,
  ...gatherCases,
  ...moeCases,
  ...randomCases,
  ...optimizerCases,
  ...decodeCases,
  ...fp8Cases,
  ...tileCases,
};

/** Largest difference allowed, relative to the largest value of an output, and absolute. */
export interface Tolerance {
  readonly relative: number;
  readonly absolute: number;
}

/** Runs every case of every kernel on a backend, as sub-tests. The same seed draws the same cases. */
export async function conformsToReference(
  t: TestContext,
  backend: Backend,
  firstSeed: number,
  toleranceOf: (kernel: KernelName) => Tolerance = () => ({ relative: 2e-5, absolute: 1e-6 }),
): Promise<void> {
  seedDraws(firstSeed);
  const lacked: readonly KernelName[] = [
    ...(backend.fusedRows ? [] : fusedKernels),
    ...(backend.fp8 ? [] : fp8KernelNames),
  ];
  for (const kernel of Object.keys(kernels) as KernelName[]) {
    if (lacked.includes(kernel)) continue;
    const { relative, absolute } = kernel in tileCases ? { relative: 0, absolute: 0 } : toleranceOf(kernel);
    await t.test(kernel, async () => {
      for (const [number, { args, compare }] of cases[kernel]().entries()) {
        const expected = await outputsOf(openReferenceBackend(), kernel, args);
        const actual = await outputsOf(backend, kernel, args);
        for (const name of compare ?? Object.keys(expected)) {
          const size = Math.max(1e-2, ...Array.from(expected[name], Math.abs).filter(Number.isFinite));
          for (let i = 0; i < expected[name].length; i++) {
            const difference = Math.abs(actual[name][i] - expected[name][i]);
            assert.ok(
              difference <= relative * size + absolute || Object.is(actual[name][i], expected[name][i]),
              `case ${number}, ${name}[${i}]: ${actual[name][i]}, reference ${expected[name][i]}`,
            );
          }
        }
      }
    });
  }
}
