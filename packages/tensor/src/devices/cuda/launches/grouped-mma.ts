import type { KernelArguments } from "../../../kernels/index.ts";
import type { MacroLaunch } from "../launcher.ts";

const file = "grouped-mma";
const tile = 128;
const depth = 64;
const stages = 3;
/** Two operands' slices in bf16 a stage; at the end the tile in f32 lies in their place. */
const shared = Math.max(stages * 2 * tile * depth * 2, tile * (tile + 8) * 4);

/** What the kernels write: y and dw. */
export type GroupedOutput = "bf16" | "f32";

/** Which instructions: "wgmma" needs sm_90a, "mma" runs from sm_80 on. */
export type Instructions = "wgmma" | "mma";

/** The fastest that a chip has. */
export function instructionsOf(chip: string): Instructions {
  return chip.startsWith("sm_90") ? "wgmma" : "mma";
}

function common(output: GroupedOutput, instructions: Instructions) {
  const wgmma = instructions === "wgmma";
  const macros = { OUT: output === "f32" ? "float" : "bf16", STAGES: stages, WGMMA: wgmma ? 1 : 0 };
  return { file, macros, block: wgmma ? 256 : 128, shared };
}

/** Whether the kernels take these sizes: rows of bf16 are read 16 bytes at a time. Others go to the plain kernels. */
export function fitsGroupedMma({ n, k }: { readonly n: number; readonly k: number }): boolean {
  return n > 0 && k > 0 && n % 8 === 0 && k % 8 === 0;
}

/** x bf16, w too, or e4m3 where it is transposed. */
export function groupedGemmMma(
  g: KernelArguments<"groupedGemm", number>,
  output: GroupedOutput,
  instructions: Instructions,
): MacroLaunch {
  return {
    ...common(output, instructions),
    name: g.transposeW ? "groupedGemmTransposedMma" : "groupedGemmMma",
    grid: [Math.ceil(g.n / tile), g.rows > 0 ? Math.ceil(g.rows / tile) + g.experts : 0],
    signature: "ppppiiii",
    values: [g.x, g.w, g.y, g.offsets, g.experts, g.n, g.k, g.accumulate],
  };
}

/** dy, x bf16. */
export function groupedGemmWeightGradMma(
  g: KernelArguments<"groupedGemmWeightGrad", number>,
  output: GroupedOutput,
  instructions: Instructions,
): MacroLaunch {
  return {
    ...common(output, instructions),
    name: "groupedGemmWeightGradMma",
    grid: [Math.ceil(g.k / tile), Math.ceil(g.n / tile), g.experts],
    signature: "ppppiii",
    values: [g.dy, g.x, g.dw, g.offsets, g.n, g.k, g.accumulate],
  };
}
