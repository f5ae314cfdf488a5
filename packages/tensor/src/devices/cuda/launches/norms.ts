import type { Launcher } from "../launcher.ts";
import { blockSize, byTable, gridOf, type Launches, rowThreads } from "./launch.ts";

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
  launcher.launch(file, "normWeightFinish", gridOf(g.dim), blockSize, "pppiiii", [
    ...[partials, g.dweight, g.dbias, chunks, g.dim, g.accumulateWeight, g.accumulateBias],
  ]);
}

export const normLaunches: Launches<"rmsNormForward" | "rmsNormBackward" | "layerNormForward" | "layerNormBackward"> = {
  rmsNormForward: byTable(
    "rmsNormForward",
    file,
    ({ rows }) => [rows],
    ({ dim }) => rowThreads(dim),
  ),
  rmsNormBackward(g, launcher) {
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
