import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { addressOf, loadKoffi } from "../native-memory.ts";

/** Signature of the import `env.blasGemm`, see assembly/gemm.ts. Addresses are those of the shared memory. */
export type BlasGemm = (
  transposeA: number,
  transposeB: number,
  m: number,
  n: number,
  k: number,
  alpha: number,
  a: number,
  lda: number,
  b: number,
  ldb: number,
  beta: number,
  d: number,
  ldd: number,
) => void;

/** What the rule decided, for `doctor`. */
export interface BlasChoice {
  /** The library that multiplies, null: the WASM kernels do. */
  readonly path: string | null;
  readonly reason: string;
}

/** Below this many multiplications a thread is done before a call through koffi has set out. */
export const leastBlasWork = 1e5;

const accelerate = "/System/Library/Frameworks/Accelerate.framework/Accelerate";

/** Where Linux distributions put OpenBLAS: Debian and Ubuntu, Fedora and SUSE, Arch. */
const directories = [
  "/usr/lib/x86_64-linux-gnu/openblas-pthread",
  "/usr/lib/x86_64-linux-gnu",
  "/usr/lib64",
  "/usr/lib",
  "/usr/local/lib",
];

/**
 * Decides by rule, never by timing, so that a run is resumed with the same bits: Apple's Accelerate on a Mac; OpenBLAS where the
 * processor has AVX-512, which WebAssembly cannot use; elsewhere the WASM kernels, which are as fast. BALTORO_BLAS is a path, or
 * 0 for none.
 *
 * @throws if BALTORO_BLAS names a file that is not there.
 */
export function chooseBlas(): BlasChoice {
  const asked = process.env["BALTORO_BLAS"];
  if (asked === "0") return { path: null, reason: "turned off by BALTORO_BLAS=0" };
  if (asked) {
    if (!existsSync(asked)) throw new Error(`BALTORO_BLAS is ${asked}: there is no such file. 0 turns the BLAS off`);
    return { path: asked, reason: "BALTORO_BLAS" };
  }
  if (process.platform === "darwin") return { path: accelerate, reason: "Accelerate uses the matrix units" };
  if (process.platform !== "linux" || process.arch !== "x64" || !hasAvx512()) {
    return { path: null, reason: "the WASM kernels are as fast as a BLAS on this processor" };
  }
  const found = findOpenBlas();
  if (found) {
    const core = openBlasCore(found);
    return avx512Cores.includes(core)
      ? { path: found, reason: `its ${core} kernels use AVX-512, which WebAssembly cannot` }
      : { path: null, reason: `${found} takes this processor for ${core}, for which the WASM kernels are as fast` };
  }
  return {
    path: null,
    reason: "no OpenBLAS; the processor has AVX-512, with which it would be faster (Debian: apt install libopenblas0)",
  };
}

/** The system's OpenBLAS for threads, if it has one. */
export function findOpenBlas(): string | null {
  for (const directory of directories) {
    if (!existsSync(directory)) continue;
    const name = readdirSync(directory)
      .filter((file) => /^libopenblas(p|-r\d.*)?\.so(\.0)?$/.test(file))
      .sort()
      .at(-1);
    if (name) return join(directory, name);
  }
  return null;
}

function hasAvx512(): boolean {
  try {
    return /\bavx512f\b/.test(readFileSync("/proc/cpuinfo", "utf8"));
  } catch {
    return false;
  }
}

/** OpenBLAS's names for the kernels that use AVX-512. */
const avx512Cores = ["SkylakeX", "Cooperlake", "SapphireRapids"];

function openBlasCore(path: string): string {
  try {
    return loadLibrary(path).library.func("const char *openblas_get_corename()")() as string;
  } catch {
    return "unknown";
  }
}

function loadLibrary(path: string) {
  try {
    const koffi = loadKoffi();
    return { koffi, library: koffi.load(path) };
  } catch (error) {
    throw new Error(`the BLAS ${path} cannot be loaded: ${(error as Error).message}. BALTORO_BLAS=0 does without`);
  }
}

/** Name, version and kind of kernels of a BLAS. */
export function describeBlas(path: string): string {
  if (path === accelerate) return "Accelerate";
  const core = openBlasCore(path);
  if (core === "unknown") return path;
  const config = loadLibrary(path).library.func("const char *openblas_get_config()")() as string;
  return `${config.split(" ").slice(0, 2).join(" ")} ${core}`;
}

/** The import for one thread: calls the BLAS on the shared memory by address. OpenBLAS's own threads are turned off. */
export function bindBlas(path: string, memory: WebAssembly.Memory): BlasGemm {
  const { koffi, library } = loadLibrary(path);
  try {
    library.func("void openblas_set_num_threads(int n)")(1);
  } catch {
    // Another BLAS: VECLIB_MAXIMUM_THREADS and the like are the user's.
  }
  const gemm = library.func(
    "void cblas_sgemm(int order, int ta, int tb, int m, int n, int k, float alpha, uintptr_t a, int lda, uintptr_t b, int ldb, float beta, uintptr_t c, int ldc)",
  );
  const base = addressOf(koffi, memory);
  const [rowMajor, plain, transposed] = [101, 111, 112];
  return (transposeA, transposeB, m, n, k, alpha, a, lda, b, ldb, beta, d, ldd) => {
    gemm(
      rowMajor,
      transposeA ? transposed : plain,
      transposeB ? transposed : plain,
      m,
      n,
      k,
      alpha,
      base + (a >>> 0),
      lda,
      base + (b >>> 0),
      ldb,
      beta,
      base + (d >>> 0),
      ldd,
    );
  };
}

/** The import where no BLAS is used. */
export function noBlas(): void {
  throw new Error("no BLAS is bound");
}
