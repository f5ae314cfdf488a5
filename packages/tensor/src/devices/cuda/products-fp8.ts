/**
 * Products with weights in e4m3 (fp8-layout.ts). Few rows read the codes and multiply them by activations as they are: half of bf16's bytes.
 * Many rows quantize activations by tiles and go to cuBLASLt where it does that (compute capability 9.0, CUDA 12.9); what it refuses is
 * multiplied in bf16 or f32, with weights that are dequantized for it. docs/decisions/0014-fp8.md.
 */
import { fp8Block, fp8Layout } from "../../fp8-layout.ts";
import type { KernelArguments } from "../../kernels/index.ts";
import type { OpenBuffer } from "./buffers.ts";
import { type CublasLt, type ElementType, NoAlgorithmError, type Product } from "./cublas-lt.ts";
import type { Launcher } from "./launcher.ts";
import { rowsMacro } from "./launches/decode.ts";
import { groupedGemmMma, instructionsOf } from "./launches/grouped-mma.ts";
import { blockSize, gridOf } from "./launches/launch.ts";
import { moeLaunches } from "./launches/moe.ts";
import type { GemmBuffers, GroupedBuffers } from "./products.ts";

/** How products of many rows were made so far. */
export interface Fp8Counts {
  /** By cuBLASLt, both operands in e4m3. */
  quantized: number;
  /** With weights dequantized. */
  dequantized: number;
  /** Why, once for each shape. */
  readonly refusals: string[];
}

export interface Fp8Products {
  readonly counts: Fp8Counts;
  /** `few`: the rows are so few that each weight is best read once. Returns weights to multiply by instead, where it was not done. */
  multiply(args: Product, buffers: GemmBuffers, few: boolean, mayOverlap: boolean): OpenBuffer | null;
  multiplyGrouped(
    args: KernelArguments<"groupedGemm", number>,
    buffers: GroupedBuffers,
    few: boolean,
    fits: boolean,
  ): void;
}

interface Means {
  readonly launcher: Launcher;
  readonly blas: CublasLt;
  /** Room for what a product needs besides, by slot: good until the next product. */
  room(slot: number, byteLength: number): number;
}

const slots = { codes: 0, weights: 1, scales: 3 };

/** Whether cuBLASLt may do it (cuBLAS documentation, "128-element 1D and 128x128 2D Block Scaling For FP8 Data Types"). */
function fitsCublasLt({ m, n, k, transposeA, transposeB, bias }: Product, chip: string, version: number): boolean {
  const sizes = n % 16 === 0 && k % 16 === 0 && m % 4 === 0;
  return chip.startsWith("sm_90") && version >= 120900 && sizes && !transposeA && !!transposeB && !bias;
}

export function createFp8Products({ launcher, blas, room }: Means): Fp8Products {
  const counts: Fp8Counts = { quantized: 0, dequantized: 0, refusals: [] };
  const refused = new Set<string>();

  /** Weights [matrices, rows, columns] in bf16 or f32. */
  function dequantize(
    weights: OpenBuffer,
    dtype: ElementType,
    matrices: number,
    rows: number,
    columns: number,
  ): number {
    const n = matrices * rows * columns;
    const to = room(slots.weights, n * (dtype === "bf16" ? 2 : 4));
    launcher.setTypes(dtype === "bf16" ? ["y"] : []);
    launcher.launch("fp8", "dequantizeBlocks", gridOf(columns % 8 === 0 ? n / 8 : n), blockSize, "ppiii", [
      ...[weights.address, to, matrices, rows, columns],
    ]);
    return to;
  }

  function quantized(args: Product, a: OpenBuffer, b: OpenBuffer, out: ElementType): boolean {
    const { m, n, k } = args;
    const shape = [m, n, k, args.c ? 1 : 0, out].join();
    if (refused.has(shape) || !fitsCublasLt(args, launcher.chip, blas.version)) return false;
    const tiles = Math.ceil(k / fp8Block);
    const [codes, scales] = [room(slots.codes, m * k), room(slots.scales, 4 * tiles * m)];
    launcher.setTypes(a.dtype === "bf16" ? ["x"] : []);
    launcher.launch("fp8", "quantizeTiles", [Math.ceil((m * tiles) / 8)], blockSize, "pppii", [
      ...[args.a, codes, scales, m, k],
    ]);
    const given = { ...args, a: codes, scales: { a: scales, b: b.address + fp8Layout(n, k).scalesAt } };
    try {
      blas.multiply(given, { a: "fp8e4m3", b: "fp8e4m3", d: out }, launcher.stream);
    } catch (error) {
      if (!(error instanceof NoAlgorithmError)) throw error;
      refused.add(shape);
      counts.refusals.push(error.message);
      return false;
    }
    counts.quantized++;
    return true;
  }

  return {
    counts,
    multiply(args, { a, b, c, d }, few, mayOverlap) {
      const { m, n, k, lda, ldb, ldc, ldd } = args;
      const [rows, columns] = args.transposeB ? [n, k] : [k, n];
      if (args.batch !== 1 || ldb !== columns) {
        throw new Error(
          `gemm: fp8e4m3 weights are one dense matrix, got batch ${args.batch} and ldb ${ldb} of ${columns} columns`,
        );
      }
      if (few) {
        const named = Object.entries({ a, c, d }).filter(([, buffer]) => buffer?.dtype === "bf16");
        launcher.setTypes(
          named.map(([name]) => name),
          true,
          ["b"],
        );
        const values = [args.a, args.b, args.c, args.d, m, n, k, lda, ldb, ldc, ldd, 0, 0, 0];
        const macros = [rowsMacro(m), ...(mayOverlap ? ["OVERLAPPED"] : [])];
        launcher.launch(
          "few-rows",
          "fewRows",
          [Math.ceil(n / 8)],
          128,
          "ppppiiiiiiiiii",
          values,
          0,
          macros,
          mayOverlap,
        );
        return null;
      }
      const out = d.dtype as ElementType;
      if (a.dtype === "bf16" && lda === k && quantized(args, a, b, out)) return null;
      counts.dequantized++;
      const dtype = a.dtype === "f32" && out === "f32" ? "f32" : "bf16";
      const address = dequantize(b, dtype, 1, rows, columns);
      return { address, byteLength: rows * columns * (dtype === "bf16" ? 2 : 4), dtype, root: b.root };
    },
    multiplyGrouped(args, { x, w, y }, few, fits) {
      const { rows, experts, n, k, offsets, transposeW } = args;
      const types = Object.entries({ x, y }).flatMap(([name, buffer]) => (buffer.dtype === "bf16" ? [name] : []));
      if (x.dtype === "bf16" && fits && transposeW) {
        launcher.setTypes(types, true, ["w"]);
        if (few) {
          launcher.launch("few-rows", "fewRowsGrouped", [Math.ceil(n / 8), rows], 128, "ppppiii", [
            ...[args.x, args.w, args.y, offsets, experts, n, k],
          ]);
        } else {
          launcher.launchCompiled(groupedGemmMma(args, y.dtype as ElementType, instructionsOf(launcher.chip)));
        }
        return;
      }
      const [down, across] = transposeW ? [n, k] : [k, n];
      counts.dequantized++;
      if (x.dtype === "bf16" && fits) {
        const given = { ...args, w: dequantize(w, "bf16", experts, down, across) };
        launcher.setTypes(types);
        launcher.launchCompiled(groupedGemmMma(given, y.dtype as ElementType, instructionsOf(launcher.chip)));
        return;
      }
      const given = { ...args, w: dequantize(w, "f32", experts, down, across) };
      launcher.setTypes(types);
      moeLaunches.groupedGemm(given, launcher);
    },
  };
}
