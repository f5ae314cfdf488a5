import { availableParallelism, cpus, totalmem } from "node:os";
import {
  adviseHugePages,
  chooseBlas,
  countGpus,
  describeBlas,
  kernelCacheDirectory,
  libraryNames,
  loadKernels,
  loadLibrary,
  loadNccl,
  openGpu,
  threadCount,
  versionText,
} from "@baltoro/tensor";
import type { Command } from "../usage.ts";

const usage = "baltoro doctor\n  says what this machine offers, what it costs not to have the rest, and how to get it";

export const doctor: Command = {
  summary: "what was found on this machine, and what to do about the rest",
  usage,
  async run() {
    const { revectorized, reason } = loadKernels();
    const rows: [string, string][] = [
      ["node", `${process.versions.node}, V8 ${process.versions.v8}, ${process.platform} ${process.arch}`],
      [
        "processor",
        `${cpus()[0]?.model ?? "unknown"}, ${availableParallelism()} usable threads, ${(totalmem() / 2 ** 30).toFixed(1)} GiB of memory`,
      ],
      ["threads", `${threadCount()} (BALTORO_THREADS changes it)`],
      ["wasm", "SIMD with fused multiply-add, 4 GiB of memory at most"],
      [
        "256-bit vectors",
        `${revectorized ? "on" : "off"}: ${reason}${revectorized ? "" : "; matrix products run at half speed"}`,
      ],
      ["large pages", largePagesLine()],
      ["blas", blasLine()],
      ...gpuLines(),
    ];
    for (const [name, value] of rows) console.log(`${name.padEnd(16)} ${value}`);
    return undefined;
  },
};

function blasLine(): string {
  const { path, reason } = chooseBlas();
  return path === null ? `none: ${reason}` : `${describeBlas(path)} multiplies large matrices: ${reason} (${path})`;
}

function largePagesLine(): string {
  const { on, reason } = adviseHugePages(new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }), 65536);
  return `${on ? "on" : "off"}: ${reason}${on ? "" : "; decoding waits longer for the weights"}`;
}

/** GPUs, and each library that the CUDA device loads: where it was found, or how to get it. */
function gpuLines(): [string, string][] {
  const libraries = libraryNames.map((name): [string, string] => {
    try {
      const { path } = loadLibrary(name);
      return [name, name === "nccl" ? `${path}, ${versionText(loadNccl().version)}: for several GPUs` : path];
    } catch (error) {
      return [name, (error as Error).message];
    }
  });
  try {
    const count = countGpus();
    const gpus = Array.from({ length: count }, (_, ordinal): [string, string] => {
      const gpu = openGpu(ordinal);
      const memory = `${(gpu.totalBytes / 2 ** 30).toFixed(1)} GiB`;
      gpu.release();
      return [`gpu ${ordinal}`, `${gpu.name}, ${gpu.chip}, ${gpu.multiprocessors} multiprocessors, ${memory}`];
    });
    return [...gpus, ...libraries, ["kernel cache", kernelCacheDirectory()]];
  } catch (error) {
    return [["gpu", `none: ${(error as Error).message}`]];
  }
}
