import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import asc from "assemblyscript/asc";
import { fp8Variants } from "../packages/tensor/src/devices/wasm/variants.ts";
import { fusedKernels, kernels } from "../packages/tensor/src/kernels/index.ts";

/** Where each kernel's code is; what is not named here is in elementwise.ts. */
const modules: Readonly<Record<string, readonly string[]>> = {
  gemm: ["gemm", "gemmFp8"],
  "gemm-grouped": ["groupedGemm", "groupedGemmFp8", "groupedGemmWeightGrad"],
  fp8: ["quantizeBlocks", "storeBlocks", "dequantizeBlocks"],
  norms: ["rmsNormForward", "rmsNormBackward"],
  "layer-norm": ["layerNormForward", "layerNormBackward"],
  rope: ["rope"],
  attention: ["attentionForward", "attentionBackward"],
  latent: ["latentCacheWrite", "pagedLatentAttention"],
  reductions: ["reduce", "sumSquares", "softmaxForward", "softmaxBackward"],
  losses: ["countTargets", "crossEntropy", "bceForward", "bceBackward"],
  embedding: ["gatherRows", "scatterAddRows", "gatherColumns", "scatterAddColumns"],
  moe: [
    "routeForward",
    "routeBackward",
    "sortByExpert",
    "permute",
    "permuteBackward",
    "unpermute",
    "unpermuteBackward",
    "balanceBias",
  ],
  random: ["randomUniform", "dropout"],
  tiles: ["quantizeTiles", "dequantizeTiles"],
  optimizers: ["adamw", "muonMomentum", "normalizeFrobenius", "muonUpdate", "clipFactor", "qkClip"],
};

/** Kernels with a second phase behind a barrier, exported as `<name>Finish`, which says whether there was one. */
const twoPhases = ["gemm", "sumSquares", "routeForward"];

/** An int and a float fill move the same bits. */
const sameCode: Readonly<Record<string, string>> = { fillInt: "fill" };

/** The dispatch by index, in the order of the kernel table, variants behind it: it cannot disagree with it. */
export function dispatchSource(): string {
  const fused: readonly string[] = fusedKernels;
  const names = [...Object.keys(kernels).filter((name) => !fused.includes(name)), ...Object.values(fp8Variants)];
  const moduleOf = (name: string) => Object.keys(modules).find((file) => modules[file].includes(name)) ?? "elementwise";
  const imported = new Map<string, string[]>();
  const want = (name: string, file: string) => imported.set(file, [...(imported.get(file) ?? []), name]);
  for (const name of names) if (!sameCode[name]) want(name, moduleOf(name));
  for (const name of twoPhases) want(`${name}Finish`, moduleOf(name));
  const imports = [...imported].map(([file, list]) => `import { ${list.join(", ")} } from "./${file}";`);
  const cases = names.map((name, i) => `    case ${i}: ${sameCode[name] ?? name}(args, thread, threads); return;`);
  const phases = twoPhases.map(
    (name) => `  if (kernel == ${names.indexOf(name)}) return ${name}Finish(args, thread, threads);`,
  );
  return `// Made by scripts/build-kernels.ts from packages/tensor/src/kernels/index.ts. Do not edit.
${imports.join("\n")}

/** Runs one thread's share of a kernel of the table. */
export function runKernel(kernel: u32, args: usize, thread: i32, threads: i32): void {
  switch (kernel) {
${cases.join("\n")}
    default: unreachable();
  }
}

/** The part of a kernel that needs all threads to be done with the first; false if there is none. */
export function secondPhase(kernel: u32, args: usize, thread: i32, threads: i32): bool {
${phases.join("\n")}
  return false;
}
`;
}

/** Compiles the AssemblyScript kernels to packages/tensor/dist/kernels.wasm. */
export async function buildKernels(root: string): Promise<void> {
  const folder = join(root, "packages/tensor/src/devices/wasm/assembly");
  writeFileSync(join(folder, "dispatch.ts"), dispatchSource());
  const out = join(root, "packages/tensor/dist");
  mkdirSync(out, { recursive: true });
  const { error, stderr } = await asc.main([
    join(folder, "index.ts"),
    "--outFile",
    join(out, "kernels.wasm"),
    ...["-O3", "--noAssert", "--runtime", "stub", "--importMemory", "--sharedMemory"],
    ...["--initialMemory", "16", "--maximumMemory", "65536", "--enable", "simd,threads,relaxed-simd"],
  ]);
  if (error) throw new Error(`the kernels do not compile: ${error.message}\n${stderr.toString()}`);
}
