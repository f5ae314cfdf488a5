import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import {
  type Backend,
  type BufferHandle,
  fusedKernels,
  type KernelArguments,
  kernels,
  openReferenceBackend,
} from "@baltoro/tensor";
import { isBuffer, type Values } from "./case.ts";
import { decodeCases } from "./decode.ts";
import { seedDraws } from "./draw.ts";

/** What of the fused kernels' operands stays f32 where activations and weights are bf16. */
const inF32 = ["weight", "norm", "bias", "logits", "weights", "loads", "cos", "sin", "y0"];

/** The fused kernels on bf16 activations and weights, against the reference on the same values, as sub-tests. */
export async function fusedConform(
  t: TestContext,
  backend: Backend,
  firstSeed: number,
  relative: number,
): Promise<void> {
  seedDraws(firstSeed);
  for (const kernel of fusedKernels) {
    await t.test(`${kernel} in bf16`, async () => {
      for (const [number, { args }] of decodeCases[kernel]().entries()) {
        const run = async (on: Backend) => {
          const dtypeOf = (name: string, value: Values) =>
            value instanceof Int32Array ? "i32" : inF32.includes(name) ? "f32" : "bf16";
          const uploaded = Object.entries(args).map(([name, value]) => {
            if (!isBuffer(value)) return [name, value] as const;
            const dtype = dtypeOf(name, value);
            const buffer = on.alloc(Math.max(value.length * on.bytesPerElement[dtype], 4), name, dtype);
            on.write(buffer, dtype, value);
            return [name, buffer] as const;
          });
          on.enqueue(kernel, Object.fromEntries(uploaded) as KernelArguments<typeof kernel, BufferHandle>);
          const results = new Map<string, ArrayLike<number>>();
          for (const [name, kind] of Object.entries(kernels[kernel])) {
            const value = args[name];
            if (!kind.includes("out") || !isBuffer(value)) continue;
            const buffer = uploaded.find(([key]) => key === name)?.[1] as BufferHandle;
            results.set(name, await on.read(buffer, dtypeOf(name, value), value.length));
          }
          return results;
        };
        const [actual, expected] = [await run(backend), await run(openReferenceBackend())];
        for (const [name, values] of expected) {
          const size = Math.max(1e-2, ...Array.from(values, Math.abs));
          for (let i = 0; i < values.length; i++) {
            const found = (actual.get(name) as ArrayLike<number>)[i];
            const good = Math.abs(found - values[i]) <= relative * size;
            assert.ok(good, `case ${number}, ${name}[${i}]: ${found}, reference ${values[i]} of ${size}`);
          }
        }
      }
    });
  }
}
