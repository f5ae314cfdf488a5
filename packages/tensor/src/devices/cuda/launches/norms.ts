import type { Launcher } from "../launcher.ts";
import { byTable, type Launches, rowThreads } from "./launch.ts";

const file = "norms";

interface WeightGradient {
  readonly dy: number;
  readonly x: number;
  readonly mean: number;
  readonly rstd: number;
  readonly dweight: number;
  readonly dbias: number;
  readonly rows: number;
  readonly dim: number;
  readonly accumulateWeight: number;
  readonly accumulateBias: number;
}

/** dweight and dbias in two launches: partial sums over chunks of rows, then over the chunks. */
function weightGradients(g: WeightGradient, launcher: Launcher): void {
  if (!g.dweight && !g.dbias) return;
  const rowsPerChunk = Math.max(16, Math.ceil(g.rows / 256));
  const chunks = Math.ceil(g.rows / rowsPerChunk);
  const partials = launcher.scratch;
  launcher.launch(file, "normWeightPartials", [Math.ceil(g.dim / 128), chunks], 128, "pppppiii", [
    ...[g.dy, g.x, g.mean, g.rstd, partials, g.rows, g.dim, rowsPerChunk],
  ]);
  finishWeights(g, chunks, 2, launcher);
}

/** dweight and dbias from `sums` partial sums (weight, bias) of each chunk in the scratch. */
function finishWeights(
  g: Omit<WeightGradient, "dy" | "x" | "mean" | "rstd">,
  chunks: number,
  sums: 1 | 2,
  launcher: Launcher,
): void {
  launcher.launch(file, "normWeightFinish", [Math.ceil(g.dim / 32)], 256, "pppiiiii", [
    ...[launcher.scratch, g.dweight, g.dbias, chunks, g.dim, sums, g.accumulateWeight, g.accumulateBias],
  ]);
}

/** Widest row that a warp holds in its registers. */
const widestRow = 2048;
/** Blocks that keep a card busy with rows; their partial sums stay few. */
const rowBlocks = 528;

export const normLaunches: Launches<"rmsNormForward" | "rmsNormBackward" | "layerNormForward" | "layerNormBackward"> = {
  rmsNormForward: byTable(
    "rmsNormForward",
    file,
    ({ rows }) => [rows],
    ({ dim }) => rowThreads(dim),
  ),
  rmsNormBackward(g, launcher) {
    if (g.dx && g.dweight && g.dim % 8 === 0 && g.dim <= widestRow) {
      const blocks = Math.min(rowBlocks, Math.ceil(g.rows / 4));
      launcher.launch(
        file,
        "rmsNormBackwardRows",
        [blocks],
        128,
        "ppppppii",
        [g.dy, g.x, g.weight, g.rstd, g.dx, launcher.scratch, g.rows, g.accumulateX],
        0,
        [`DIM=${g.dim}`],
      );
      finishWeights({ ...g, dweight: g.dweight, dbias: 0, accumulateBias: 0 }, blocks, 1, launcher);
      return;
    }
    if (g.dx) {
      launcher.launch(file, "rmsNormBackwardX", [g.rows], rowThreads(g.dim), "pppppiii", [
        ...[g.dy, g.x, g.weight, g.rstd, g.dx, g.rows, g.dim, g.accumulateX],
      ]);
    }
    weightGradients({ ...g, mean: 0, dweight: g.dweight ?? 0, dbias: 0, accumulateBias: 0 }, launcher);
  },
  layerNormForward: byTable(
    "layerNormForward",
    file,
    ({ rows }) => [rows],
    ({ dim }) => rowThreads(dim),
  ),
  layerNormBackward(g, launcher) {
    if (g.dx) {
      launcher.launch(file, "layerNormBackwardX", [g.rows], rowThreads(g.dim), "ppppppiii", [
        ...[g.dy, g.x, g.weight, g.mean, g.rstd, g.dx, g.rows, g.dim, g.accumulateX],
      ]);
    }
    weightGradients({ ...g, dweight: g.dweight ?? 0, dbias: g.dbias ?? 0 }, launcher);
  },
};
