import type { KernelArguments } from "../../../kernels.ts";
import type { Launcher } from "../launcher.ts";

const file = "grouped-mma";

// As in kernels/grouped-mma.cu.
const tile = 128;
const threads = 128;
const sharedBytes = 3 * 2 * tile * 64 * 2;

/** Whether the tensor cores' kernels take these sizes: whole 16 bytes of bf16. */
export function fitsTensorTiles({ n, k }: { n: number; k: number }): boolean {
  return n % 8 === 0 && k % 8 === 0;
}

/** y[r] = x[r] · op(w[e]) with bf16 x and w, `out` naming y's type. */
export function groupedOnTensorCores(
  g: KernelArguments<"groupedGemm", number>,
  out: "f32" | "bf16",
  launcher: Launcher,
): void {
  launcher.launch(
    file,
    g.transposeW ? "groupedGemmTransposedMma" : "groupedGemmMma",
    [Math.ceil(g.n / tile), g.rows > 0 ? Math.ceil(g.rows / tile) + g.experts : 0],
    threads,
    "ppppiiii",
    [g.x, g.w, g.y, g.offsets, g.experts, g.n, g.k, g.accumulate],
    sharedBytes,
    [`OUT=${out === "bf16" ? "bf16" : "float"}`],
  );
}

/** dw[e] = Σ dy[r]ᵀ · x[r] with bf16 dy and x, dw in f32. */
export function groupedWeightGradOnTensorCores(
  g: KernelArguments<"groupedGemmWeightGrad", number>,
  launcher: Launcher,
): void {
  launcher.launch(
    file,
    "groupedGemmWeightGradMma",
    [Math.ceil(g.k / tile), Math.ceil(g.n / tile), g.experts],
    threads,
    "ppppiii",
    [g.dy, g.x, g.dw, g.offsets, g.n, g.k, g.accumulate],
    sharedBytes,
    ["OUT=float"],
  );
}
