import { readFileSync } from "node:fs";
import { join } from "node:path";
import v8 from "node:v8";
import { type BlasGemm, noBlas } from "./blas.ts";

/** Compiled kernels, and how. */
export interface KernelModule {
  readonly module: WebAssembly.Module;
  /** Pairs of 128-bit operations run as 256-bit ones. */
  readonly revectorized: boolean;
  /** Why revectorization is on or off, for `doctor`. */
  readonly reason: string;
}

/** The Node major whose V8 was checked with the experimental flag. */
const checkedNodeMajor = 24;

let compiled: KernelModule | undefined;

/** Path of the kernels, built by `npm ci`. */
export const kernelsPath = join(import.meta.dirname, "../../../dist/kernels.wasm");

/**
 * Compiles the kernels, once per process: with V8's `--experimental-wasm-revectorize` where that is allowed and gives the
 * same bits as without. BALTORO_REVEC=0 turns it off.
 */
export function loadKernels(): KernelModule {
  compiled ??= compileKernels();
  return compiled;
}

function compileKernels(): KernelModule {
  const bytes = readKernels();
  // Hot code must be optimized before the first step is timed or compared, not after a thousand calls.
  v8.setFlagsFromString("--no-liftoff");
  v8.setFlagsFromString("--no-wasm-lazy-compilation");
  const plain = new WebAssembly.Module(bytes);
  const off = (reason: string): KernelModule => ({ module: plain, revectorized: false, reason });
  if (process.env["BALTORO_REVEC"] === "0") return off("turned off by BALTORO_REVEC=0");
  if (process.arch !== "x64") return off(`${process.arch} has no 256-bit vectors to map to`);
  if (Number(process.versions.node.split(".")[0]) !== checkedNodeMajor) {
    return off(`Node ${process.versions.node} was not checked with it, only Node ${checkedNodeMajor} was`);
  }
  v8.setFlagsFromString("--experimental-wasm-revectorize");
  const wide = new WebAssembly.Module(withMarker(bytes));
  v8.setFlagsFromString("--no-experimental-wasm-revectorize");
  if (!sameResults(plain, wide)) return off("its results differ from the plain code's on this machine");
  return { module: wide, revectorized: true, reason: "checked at start: the same bits as without" };
}

function readKernels(): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(readFileSync(kernelsPath));
  } catch {
    throw new Error(`${kernelsPath} is missing: run \`npm run build\` (npm ci does it)`);
  }
}

/** The same module with a custom section at its end: V8 keeps compiled code by content and would hand out the old one. */
function withMarker(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const section = [0, 6, 5, ...new TextEncoder().encode("revec")];
  const marked = new Uint8Array(bytes.length + section.length);
  marked.set(bytes);
  marked.set(section, bytes.length);
  return marked;
}

/** Runs products of odd sizes through both and compares every bit, for both tile widths. */
function sameResults(plain: WebAssembly.Module, wide: WebAssembly.Module): boolean {
  const results = [plain, wide].map((module) => runProbe(module));
  return results[0].every((word, i) => word === results[1][i]);
}

function runProbe(module: WebAssembly.Module): Int32Array {
  const pages = 128;
  const memory = new WebAssembly.Memory({ initial: pages, maximum: 65536, shared: true });
  const kernels = instantiate(module, memory);
  kernels.setScratchBase(2 << 20);
  const floats = new Float32Array(memory.buffer);
  const words = new Int32Array(memory.buffer);
  const [m, n, k] = [29, 75, 83];
  const [a, b, d] = [65536, 2 * 65536, 4 * 65536];
  let state = 1;
  for (let i = a / 4; i < d / 4; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    floats[i] = state / 2 ** 31;
  }
  let out = d;
  for (const width of [8, 16]) {
    kernels.setTileWidth(width);
    for (const [transposeA, transposeB] of [
      [0, 0],
      [0, 1],
      [1, 0],
    ]) {
      const sizes = [1, m, n, k, transposeA ? m : k, transposeB ? k : n, n, n, 0, 0, 0, 0, transposeA, transposeB];
      words.set([a, b, 0, 0, out, ...sizes, 0, 0, 0], 1024);
      floats[1024 + 19] = 1;
      kernels.runKernel(0, 4096, 0, 1);
      out += m * n * 4;
    }
  }
  return words.slice(d / 4, out / 4);
}

/** What the kernels export. */
export interface KernelExports {
  setScratchBase(base: number): void;
  setTileWidth(width: number): void;
  setBlasWork(multiplications: number): void;
  runKernel(kernel: number, args: number, thread: number, threads: number): void;
  work(control: number, ring: number, ringMask: number, thread: number, threads: number): number;
}

export function instantiate(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
  blasGemm: BlasGemm = noBlas,
): KernelExports {
  const abort = () => {
    throw new Error("a kernel aborted");
  };
  return new WebAssembly.Instance(module, { env: { memory, abort, blasGemm } }).exports as unknown as KernelExports;
}
