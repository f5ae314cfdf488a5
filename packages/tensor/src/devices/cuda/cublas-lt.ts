import { fixedMemory, loadKoffi } from "../native-memory.ts";
import type { Handle } from "./driver.ts";
import { type FoundLibrary, loadLibrary } from "./libraries.ts";

/** What products are computed in; operands and results stay f32 in memory, sums are f32 always. */
export type Precision = "f32" | "tf32" | "bf16";

// Values of cublasComputeType_t, cudaDataType_t and the attributes (docs.nvidia.com/cuda/cublas).
const computeTypes: Readonly<Record<Precision, number>> = { f32: 68, tf32: 77, bf16: 75 };
const dataTypes = { f32: 0, bf16: 14, fp8e4m3: 28 } as const;
export type ElementType = "f32" | "bf16";
type OperandType = keyof typeof dataTypes;
// Those of scales: cublasLtMatmulDescAttributes_t and cublasLtMatmulMatrixScale_t as nvmath-python prints them
// (docs.nvidia.com/cuda/nvmath-python, nvmath.bindings.cublasLt.MatmulDescAttribute and MatmulMatrixScale), and cudaDataType's CUDA_R_8F_E4M3.
const descriptor = {
  ...{ transposeA: 3, transposeB: 4, epilogue: 7, biasPointer: 8 },
  ...{ scalePointerA: 17, scalePointerB: 18, scaleModeA: 31, scaleModeB: 32 },
};
const scaleModes = { tilesOf128: 4, blocksOf128x128: 5 };
const layout = { batchCount: 5, batchStride: 6 };
const preference = { workspaceBytes: 1, alignmentA: 5, alignmentB: 6, alignmentC: 7, alignmentD: 8 };
const epilogues = { none: 1, bias: 4 };
const heuristicBytes = 96;
const algorithmBytes = 64;

/** A product as kernels/matrix.ts describes `gemm`, with addresses, and element types of the operands. */
export interface Product {
  readonly a: Handle;
  readonly b: Handle;
  readonly c: Handle;
  readonly bias: Handle;
  readonly d: Handle;
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly lda: number;
  readonly ldb: number;
  readonly ldc: number;
  readonly ldd: number;
  readonly strideA: number;
  readonly strideB: number;
  readonly strideC: number;
  readonly strideD: number;
  readonly transposeA: number;
  readonly transposeB: number;
  readonly alpha: number;
  readonly beta: number;
  /** Of operands in e4m3: a's as quantizeTiles makes them, b's as fp8-layout.ts has them. */
  readonly scales?: { readonly a: Handle; readonly b: Handle };
}

interface OperandTypes {
  readonly a: OperandType;
  readonly b: OperandType;
  readonly d: ElementType;
}

/** A product's shapes, prepared once: descriptors and the algorithm that the library's heuristic puts first. */
interface Plan {
  readonly description: number;
  readonly layouts: readonly [number, number, number, number];
  readonly algorithm: Uint8Array;
}

/** The library has no algorithm for a product. */
export class NoAlgorithmError extends Error {
  override name = "NoAlgorithmError";
}

/** Dense products through cuBLASLt. */
export interface CublasLt {
  readonly path: string;
  /** 130000 for 13.0.0. */
  readonly version: number;
  /** @throws NoAlgorithmError where the library does not do it. */
  multiply(product: Product, types: OperandTypes, stream: Handle): void;
  close(): void;
}

/**
 * Opens cuBLASLt with a workspace on the device. Plans are chosen by the heuristic, never by timing, so that a run is resumed with the
 * same bits on the same card and library.
 */
export function openCublasLt(precision: Precision, workspace: Handle, workspaceBytes: number): CublasLt {
  const { library, path } = loadLibrary("cublasLt");
  const lt = bind(library);
  const koffi = loadKoffi();
  const handles: (number | bigint)[] = [0];
  lt.check("cublasLtCreate", lt.create(handles));
  const handle = Number(handles[0]);
  const plans = new Map<string, Plan>();
  // The library reads them during the call.
  const word = new Int32Array(1);
  const long = new BigInt64Array(1);
  const scalarMemory = fixedMemory(koffi, 8);
  const scalars = new Float32Array(scalarMemory.bytes);
  const scalarsAt = scalarMemory.address;

  const setInt = (what: string, set: typeof lt.setDescription, object: number, attribute: number, value: number) => {
    word[0] = value;
    lt.check(what, set(object, attribute, word, 4));
  };
  const setLong = (what: string, set: typeof lt.setDescription, object: number, attribute: number, value: number) => {
    long[0] = BigInt(value);
    lt.check(what, set(object, attribute, long, 8));
  };

  function makeLayout(type: OperandType, rows: number, columns: number, ld: number, batch: number, stride: number) {
    const out: (number | bigint)[] = [0];
    lt.check("cublasLtMatrixLayoutCreate", lt.createLayout(out, dataTypes[type], rows, columns, ld));
    const object = Number(out[0]);
    if (batch > 1) {
      setInt("batch count", lt.setLayout, object, layout.batchCount, batch);
      setLong("batch stride", lt.setLayout, object, layout.batchStride, stride);
    }
    return object;
  }

  /** The operands change places, see makePlan. */
  function setScales(description: number, { a, b }: NonNullable<Product["scales"]>): void {
    setLong("scales", lt.setDescription, description, descriptor.scalePointerA, b);
    setLong("scales", lt.setDescription, description, descriptor.scalePointerB, a);
  }

  /** Row-major D = A · B is column-major Dᵀ = Bᵀ · Aᵀ: the operands change places. */
  function makePlan(p: Product, types: OperandTypes): Plan {
    const out: (number | bigint)[] = [0];
    const compute = types.a === "f32" && types.b === "f32" ? computeTypes[precision] : computeTypes.f32;
    lt.check("cublasLtMatmulDescCreate", lt.createDescription(out, compute, dataTypes.f32));
    const description = Number(out[0]);
    setInt("transpose", lt.setDescription, description, descriptor.transposeA, p.transposeB ? 1 : 0);
    setInt("transpose", lt.setDescription, description, descriptor.transposeB, p.transposeA ? 1 : 0);
    setInt("epilogue", lt.setDescription, description, descriptor.epilogue, p.bias ? epilogues.bias : epilogues.none);
    if (p.bias) setLong("bias", lt.setDescription, description, descriptor.biasPointer, p.bias);
    if (p.scales) {
      setInt("scale mode", lt.setDescription, description, descriptor.scaleModeA, scaleModes.blocksOf128x128);
      setInt("scale mode", lt.setDescription, description, descriptor.scaleModeB, scaleModes.tilesOf128);
      setScales(description, p.scales);
    }
    const layouts = [
      p.transposeB
        ? makeLayout(types.b, p.k, p.n, p.ldb, p.batch, p.strideB)
        : makeLayout(types.b, p.n, p.k, p.ldb, p.batch, p.strideB),
      p.transposeA
        ? makeLayout(types.a, p.m, p.k, p.lda, p.batch, p.strideA)
        : makeLayout(types.a, p.k, p.m, p.lda, p.batch, p.strideA),
      makeLayout(types.d, p.n, p.m, p.c ? p.ldc : p.ldd, p.batch, p.c ? p.strideC : p.strideD),
      makeLayout(types.d, p.n, p.m, p.ldd, p.batch, p.strideD),
    ] as const;
    lt.check("cublasLtMatmulPreferenceCreate", lt.createPreference(out));
    const preferences = Number(out[0]);
    setLong("workspace", lt.setPreference, preferences, preference.workspaceBytes, workspaceBytes);
    const alignments = [preference.alignmentA, preference.alignmentB, preference.alignmentC, preference.alignmentD];
    const addresses = [p.b, p.a, p.c || p.d, p.d];
    for (const [i, attribute] of alignments.entries()) {
      setInt("alignment", lt.setPreference, preferences, attribute, alignmentOf(addresses[i]));
    }
    const results = new Uint8Array(heuristicBytes);
    const count = [0];
    const status = lt.heuristic(handle, description, ...layouts, preferences, 1, results, count);
    lt.destroyPreference(preferences);
    if (status !== 0 || count[0] === 0) {
      lt.destroyDescription(description);
      for (const object of layouts) lt.destroyLayout(object);
      throw new NoAlgorithmError(
        `gemm: cuBLASLt has no algorithm for ${types.a} [${p.m}, ${p.k}] · ${types.b} [${p.k}, ${p.n}], batch ${p.batch} (${lt.text(status)})`,
      );
    }
    return { description, layouts, algorithm: results.slice(0, algorithmBytes) };
  }

  return {
    path,
    version: lt.version(),
    multiply(p, types, stream) {
      const key = [
        ...[p.batch, p.m, p.n, p.k, p.lda, p.ldb, p.c ? p.ldc : -1, p.ldd, p.strideA, p.strideB, p.strideC, p.strideD],
        ...[p.transposeA, p.transposeB, p.bias ? 1 : 0, types.a, types.b, types.d],
        ...[p.a, p.b, p.c || p.d, p.d].map(alignmentOf),
      ].join();
      let plan = plans.get(key);
      if (!plan) {
        plan = makePlan(p, types);
        plans.set(key, plan);
      }
      if (p.bias) setLong("bias", lt.setDescription, plan.description, descriptor.biasPointer, p.bias);
      if (p.scales) setScales(plan.description, p.scales);
      scalars[0] = p.alpha;
      scalars[1] = p.c ? p.beta : 0;
      const [layoutB, layoutA, layoutC, layoutD] = plan.layouts;
      lt.check(
        "cublasLtMatmul",
        lt.matmul(
          handle,
          plan.description,
          scalarsAt,
          p.b,
          layoutB,
          p.a,
          layoutA,
          scalarsAt + 4,
          p.c || p.d,
          layoutC,
          p.d,
          layoutD,
          plan.algorithm,
          workspace,
          workspaceBytes,
          stream,
        ),
      );
    },
    close() {
      for (const { description, layouts } of plans.values()) {
        lt.destroyDescription(description);
        for (const object of layouts) lt.destroyLayout(object);
      }
      plans.clear();
      lt.destroy(handle);
    },
  };
}

/** Largest power of two up to 256 that divides an address. */
function alignmentOf(address: number): number {
  const low = address % 256;
  return low === 0 ? 256 : low & -low;
}

type Call = (...args: readonly unknown[]) => number;

function bind(library: FoundLibrary["library"]) {
  const text = library.func("const char *cublasLtGetStatusString(int status)") as unknown as (status: number) => string;
  const func = (prototype: string) => library.func(prototype) as Call;
  return {
    text,
    check(what: string, status: number) {
      if (status !== 0) throw new Error(`${what}: ${text(status)}`);
    },
    version: library.func("size_t cublasLtGetVersion()") as unknown as () => number,
    create: func("int cublasLtCreate(_Out_ uintptr_t *handle)"),
    destroy: func("int cublasLtDestroy(uintptr_t handle)"),
    createDescription: func("int cublasLtMatmulDescCreate(_Out_ uintptr_t *description, int compute, int scale)"),
    destroyDescription: func("int cublasLtMatmulDescDestroy(uintptr_t description)"),
    setDescription: func(
      "int cublasLtMatmulDescSetAttribute(uintptr_t description, int attribute, const void *value, size_t bytes)",
    ),
    createLayout: func(
      "int cublasLtMatrixLayoutCreate(_Out_ uintptr_t *layout, int type, uint64_t rows, uint64_t columns, int64_t ld)",
    ),
    destroyLayout: func("int cublasLtMatrixLayoutDestroy(uintptr_t layout)"),
    setLayout: func(
      "int cublasLtMatrixLayoutSetAttribute(uintptr_t layout, int attribute, const void *value, size_t bytes)",
    ),
    createPreference: func("int cublasLtMatmulPreferenceCreate(_Out_ uintptr_t *preference)"),
    destroyPreference: func("int cublasLtMatmulPreferenceDestroy(uintptr_t preference)"),
    setPreference: func(
      "int cublasLtMatmulPreferenceSetAttribute(uintptr_t preference, int attribute, const void *value, size_t bytes)",
    ),
    heuristic: func(
      "int cublasLtMatmulAlgoGetHeuristic(uintptr_t handle, uintptr_t description, uintptr_t a, uintptr_t b, uintptr_t c, uintptr_t d, uintptr_t preference, int requested, uint8_t *results, _Out_ int *returned)",
    ),
    matmul: func(
      "int cublasLtMatmul(uintptr_t handle, uintptr_t description, uintptr_t alpha, uintptr_t a, uintptr_t layoutA, uintptr_t b, uintptr_t layoutB, uintptr_t beta, uintptr_t c, uintptr_t layoutC, uintptr_t d, uintptr_t layoutD, const uint8_t *algorithm, uintptr_t workspace, size_t workspaceBytes, uintptr_t stream)",
    ),
  };
}
