import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { LibraryHandle } from "koffi";
import { loadKoffi } from "../native-memory.ts";

/** A library of NVIDIA's, found at run time: nothing is linked, and no toolkit is needed to install. */
export interface FoundLibrary {
  readonly name: string;
  readonly path: string;
  readonly library: LibraryHandle;
}

/** Major versions of CUDA that the bound functions are those of, newest first. */
const majors = [13, 12];

/** File names by library: what the loader is asked for first, so that LD_LIBRARY_PATH and ldconfig decide. */
const fileNames = {
  cuda: ["libcuda.so.1"],
  nvrtc: majors.map((major) => `libnvrtc.so.${major}`),
  cublasLt: majors.map((major) => `libcublasLt.so.${major}`),
  cudnn: ["libcudnn.so.9"],
  nccl: ["libnccl.so.2"],
} as const;
export type LibraryName = keyof typeof fileNames;
export const libraryNames = Object.keys(fileNames) as LibraryName[];

/** What is done about a missing one. */
const remedies: Readonly<Record<LibraryName, string>> = {
  cuda: "it comes with NVIDIA's driver (580 or newer for CUDA 13, 525 for CUDA 12): install the driver",
  nvrtc:
    "install CUDA's nvrtc and cublas (Debian and Ubuntu: cuda-nvrtc-13-0, libcublas-13-0; or pip install nvidia-cuda-nvrtc)",
  cublasLt: "install CUDA's cublas (Debian and Ubuntu: libcublas-13-0; or pip install nvidia-cublas)",
  cudnn: "optional",
  nccl: "optional: needed to train on several GPUs (Debian and Ubuntu: libnccl2; or pip install nvidia-nccl-cu13)",
};

/**
 * Where to look, in this order: BALTORO_CUDA (one directory, or several with colons), the system's loader, CUDA_HOME and CUDA_PATH,
 * /usr/local/cuda*, NVIDIA's packages within a Python of VIRTUAL_ENV, /opt and /usr/lib/python3.
 */
function librarySearchPath(): { asked: string[]; others: string[] } {
  const asked = (process.env["BALTORO_CUDA"] ?? "").split(":").filter(Boolean);
  const homes = [process.env["CUDA_HOME"], process.env["CUDA_PATH"], ...matching("/usr/local", /^cuda(-\d.*)?$/)]
    .filter((home) => home !== undefined)
    .flatMap((home) => [join(home, "lib64"), join(home, "lib")]);
  const others = [...homes, "/usr/local/nvidia/lib64", ...pythonPackages()];
  return { asked: asked.filter((path) => existsSync(path)), others: others.filter((path) => existsSync(path)) };
}

function matching(directory: string, pattern: RegExp): string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory)
    .filter((name) => pattern.test(name))
    .sort()
    .reverse()
    .map((name) => join(directory, name));
}

function pythonPackages(): string[] {
  const roots = [
    process.env["VIRTUAL_ENV"],
    ...matching("/opt", /./).flatMap((path) => [path, join(path, ".venv")]),
    "/usr/local",
    "/usr",
  ].filter((root) => root !== undefined);
  return roots
    .flatMap((root) => matching(join(root, "lib"), /^python3/))
    .flatMap((lib) => ["site-packages", "dist-packages"].map((name) => join(lib, name, "nvidia")))
    .flatMap((nvidia) => matching(nvidia, /./))
    .map((part) => join(part, "lib"));
}

/** Loads a library. @throws with what was looked for, where, and how to get it. */
export function loadLibrary(name: LibraryName): FoundLibrary {
  const koffi = loadKoffi();
  const failures: string[] = [];
  const { asked, others } = librarySearchPath();
  const filesIn = (directories: readonly string[]) =>
    fileNames[name]
      .flatMap((file) => directories.map((directory) => join(directory, file)))
      .filter((path) => existsSync(path));
  const candidates = [...filesIn(asked), ...fileNames[name], ...filesIn(others)];
  for (const path of candidates) {
    try {
      return { name, path, library: koffi.load(path) };
    } catch (error) {
      failures.push(`${path}: ${(error as Error).message}`);
    }
  }
  throw new CudaUnavailableError(
    `${fileNames[name].join(" or ")} was not found (searched the system's loader${[...asked, ...others].map((path) => `, ${path}`).join("")}): ${remedies[name]}. BALTORO_CUDA names another directory`,
    failures,
  );
}

/** The machine has no usable CUDA. */
export class CudaUnavailableError extends Error {
  override name = "CudaUnavailableError";
  /** What the loader said of each candidate. */
  readonly failures: readonly string[];

  constructor(message: string, failures: readonly string[] = []) {
    super(message);
    this.failures = failures;
  }
}
