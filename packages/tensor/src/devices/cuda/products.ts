import type { KernelArguments } from "../../kernels/index.ts";
import type { Allocator } from "../allocator.ts";
import type { OpenBuffer, Root } from "./buffers.ts";
import type { CublasLt, ElementType } from "./cublas-lt.ts";
import type { Launcher } from "./launcher.ts";
import { mostFusedRows, rowsMacro } from "./launches/decode.ts";
import { fitsGroupedMma, groupedGemmMma, instructionsOf } from "./launches/grouped-mma.ts";
import { blockSize, gridOf } from "./launches/launch.ts";
import { createFp8Products, type Fp8Counts } from "./products-fp8.ts";

/** Roots whose bf16 shadows a captured graph reads, and roots that it writes. */
export interface CapturedRoots {
  readonly read: Set<Root>;
  readonly written: Set<Root>;
}

/** Products of operands of either type, and the bf16 forms of f32 operands that they need. */
export interface Products {
  /** True where it was done: bf16 rows of whole 16 bytes. The plain kernel does the rest. */
  multiplyGrouped(args: KernelArguments<"groupedGemm", number>, buffers: GroupedBuffers): boolean;
  multiply(args: KernelArguments<"gemm", number>, buffers: GemmBuffers): void;
  /** Address of the values of an f32 or bf16 buffer in bf16. A conversion in `slot` holds until the next one there. */
  bf16Of(buffer: OpenBuffer, slot: number): number;
  /** What kernels have written since the last one that was not overlapped: it may not be there yet when an overlapped kernel begins. */
  readonly recent: Set<Root>;
  readonly fp8: Fp8Counts;
  /** How many conversions were enqueued so far. */
  readonly conversions: number;
  /** Brings a shadow up to date. */
  refresh(root: Root): void;
  /** Gives a root's shadow back. */
  dropShadow(root: Root): void;
  /** While a graph is captured, what it reads and writes is noted here. */
  captured: CapturedRoots | null;
}

export interface GroupedBuffers {
  readonly x: OpenBuffer;
  readonly w: OpenBuffer;
  readonly y: OpenBuffer;
}

export interface GemmBuffers {
  readonly a: OpenBuffer;
  readonly b: OpenBuffer;
  readonly c?: OpenBuffer | null;
  readonly d: OpenBuffer;
  readonly bias?: OpenBuffer | null;
}

/** Most routed rows that each read their expert's weights: beyond it experts have several, and tiles are better. */
const mostRoutedRows = 64;

/** Whether a product is one of decoding: few rows, weights [n, k] in rows of whole 16 bytes, and nothing added but a residual. */
function isFewRows({
  m,
  k,
  transposeA,
  transposeB,
  alpha,
  beta,
  c,
  bias,
  batch,
  lda,
  ldb,
  strideA,
  strideB,
}: KernelArguments<"gemm", number>) {
  const aligned = [k, lda, ldb, strideA, strideB].every((elements) => elements % 8 === 0);
  const plainSum = !c || (beta === 1 && batch === 1);
  return m <= mostFusedRows && !transposeA && !!transposeB && alpha === 1 && plainSum && !bias && aligned;
}

export function createProducts(launcher: Launcher, blas: CublasLt, allocator: Allocator): Products {
  /** Room for conversions by slot. Grown, never freed: captured graphs keep their addresses. */
  const rooms: { address: number; byteLength: number }[] = [];

  function room(slot: number, byteLength: number): number {
    if (!rooms[slot] || rooms[slot].byteLength < byteLength) {
      rooms[slot] = { address: allocator.alloc(byteLength, "a conversion to bf16"), byteLength };
    }
    return rooms[slot].address;
  }

  let conversions = 0;
  const fp8 = createFp8Products({ launcher, blas, room });

  function convert(from: number, to: number, n: number): void {
    conversions++;
    launcher.setTypes([]);
    launcher.launch("elementwise", "castF32ToBf16", gridOf(n), blockSize, "ppi", [from, to, n]);
  }

  /** A root's shadow, made where there is none, as old as it is. */
  function ownShadow(root: Root): NonNullable<Root["shadow"]> {
    const byteLength = root.byteLength / 2;
    root.shadow ??= { address: allocator.alloc(byteLength, "weights in bf16"), byteLength, valid: false };
    return root.shadow;
  }

  function refresh(root: Root): void {
    const shadow = ownShadow(root);
    convert(root.address, shadow.address, root.byteLength / 4);
    shadow.valid = true;
  }

  function shadowOf(root: Root): number {
    const { captured } = products;
    const shadow = ownShadow(root);
    // Within a graph, what it has written is converted there, each time; the rest before a launch, where it was written since the last.
    if (captured && !captured.written.has(root)) captured.read.add(root);
    else if (captured || !shadow.valid) refresh(root);
    return shadow.address;
  }

  const products: Products = {
    captured: null,
    recent: new Set(),
    fp8: fp8.counts,
    get conversions() {
      return conversions;
    },
    refresh,
    dropShadow(root) {
      if (root.shadow) allocator.free(root.shadow.address, root.shadow.byteLength);
      root.shadow = null;
    },
    bf16Of(buffer, slot) {
      if (buffer.dtype === "bf16") return buffer.address;
      const { root, address, byteLength } = buffer;
      if (address === root.address && byteLength === root.byteLength) return shadowOf(root);
      const to = room(slot, byteLength / 2);
      convert(address, to, byteLength / 4);
      return to;
    },
    multiplyGrouped(args, { x, w, y }) {
      const { rows, experts, n, k, offsets } = args;
      const few = rows <= mostRoutedRows && !!args.transposeW && !args.accumulate;
      if (rows > 0 && w.dtype === "fp8e4m3") {
        fp8.multiplyGrouped(args, { x, w, y }, few, fitsGroupedMma(args));
        return true;
      }
      if (rows === 0 || x.dtype !== "bf16" || !fitsGroupedMma(args)) return false;
      const weights = products.bf16Of(w, 1);
      launcher.setTypes(["x", ...(y.dtype === "bf16" ? ["y"] : [])]);
      if (few) {
        launcher.launch("few-rows", "fewRowsGrouped", [Math.ceil(n / 8), rows], 128, "ppppiii", [
          ...[args.x, weights, args.y, offsets, experts, n, k],
        ]);
      } else {
        const given = { ...args, w: weights };
        launcher.launchCompiled(groupedGemmMma(given, y.dtype as ElementType, instructionsOf(launcher.chip)));
      }
      return true;
    },
    multiply(args, { a, b: given, c, d, bias }) {
      const { batch, m, n, k } = args;
      if (batch * m * n === 0) return;
      const out = d.dtype as ElementType;
      if (k === 0) {
        launcher.launch("grouped", "gemmEmpty", gridOf(batch * m * n), blockSize, "pppiiiiiiif", [
          ...[
            args.c ?? 0,
            args.bias ?? 0,
            args.d,
            batch,
            m,
            n,
            args.ldc,
            args.ldd,
            args.strideC,
            args.strideD,
            args.beta,
          ],
        ]);
        return;
      }
      let [plain, b] = [{ ...args, c: args.c ?? 0, bias: args.bias ?? 0 }, given];
      if (given.dtype === "fp8e4m3") {
        const weights = fp8.multiply(plain, { a, b, c, d, bias }, isFewRows(args), !products.recent.has(given.root));
        if (!weights) return;
        [plain, b] = [{ ...plain, b: weights.address }, weights];
      }
      if (a.dtype === "f32" && b.dtype === "f32" && out === "f32") {
        blas.multiply(plain, { a: "f32", b: "f32", d: out }, launcher.stream);
        return;
      }
      if (given.dtype !== "fp8e4m3" && isFewRows(args)) {
        const weights = products.bf16Of(b, 1);
        const early = b.dtype === "bf16" && !products.recent.has(b.root);
        launcher.setTypes(
          Object.entries({ a, c, d }).flatMap(([name, buffer]) => (buffer?.dtype === "bf16" ? [name] : [])),
        );
        launcher.launch(
          "few-rows",
          "fewRows",
          [Math.ceil(n / 8), 1, batch],
          128,
          "ppppiiiiiiiiii",
          [
            ...[args.a, weights, args.c ?? 0, args.d, m, n, k, args.lda, args.ldb, args.ldc, args.ldd],
            ...[args.strideA, args.strideB, args.strideD],
          ],
          0,
          [rowsMacro(m), ...(early ? ["OVERLAPPED"] : [])],
          early,
        );
        return;
      }
      const converted = {
        ...plain,
        a: products.bf16Of(a, 0),
        b: products.bf16Of(b, 1),
        // The bias has the type of the result.
        bias: bias && out === "bf16" ? products.bf16Of(bias, 2) : plain.bias,
      };
      blas.multiply(converted, { a: "bf16", b: "bf16", d: out }, launcher.stream);
    },
  };
  return products;
}
