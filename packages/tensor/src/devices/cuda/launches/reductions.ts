import { blockSize, byTable, gridOf, type Launches, rowThreads } from "./launch.ts";

const sumOp = 0;
/** From so many rows on, a sum by column is taken in two steps. */
const longAxis = 256;

export const reductionLaunches: Launches<
  | "reduce"
  | "sumSquares"
  | "softmaxForward"
  | "softmaxBackward"
  | "countTargets"
  | "crossEntropy"
  | "bceForward"
  | "bceBackward"
  | "gatherRows"
  | "scatterAddRows"
  | "gatherColumns"
  | "scatterAddColumns"
> = {
  reduce(g, launcher) {
    const columns = (x: number, axis: number) =>
      launcher.launch("reductions", "reduceColumns", gridOf(g.outer * g.inner), blockSize, "ppiiiii", [
        ...[x, g.y, g.outer, axis, g.inner, g.op, g.accumulate],
      ]);
    if (g.inner === 1) {
      launcher.launch("reductions", "reduceRows", [g.outer], rowThreads(g.axis), "ppiiii", [
        ...[g.x, g.y, g.outer, g.axis, g.op, g.accumulate],
      ]);
    } else if (g.outer === 1 && g.axis >= longAxis && g.op === sumOp) {
      const rowsPerChunk = Math.max(32, Math.ceil(g.axis / 256));
      const chunks = Math.ceil(g.axis / rowsPerChunk);
      launcher.launch("reductions", "columnPartials", [Math.ceil(g.inner / 128), chunks], 128, "ppiii", [
        ...[g.x, launcher.scratch, g.axis, g.inner, rowsPerChunk],
      ]);
      columns(launcher.scratch, chunks);
    } else columns(g.x, g.axis);
  },
  sumSquares({ x, y, n, accumulate }, launcher) {
    const blocks = Math.max(1, Math.min(1056, Math.ceil(n / 2048)));
    launcher.launch("reductions", "sumSquaresPartials", [blocks], 256, "ppi", [x, launcher.scratch, n]);
    launcher.launch("reductions", "sumSquaresFinish", [1], 256, "ppii", [launcher.scratch, y, blocks, accumulate]);
  },
  softmaxForward: byTable(
    "softmaxForward",
    "reductions",
    ({ rows }) => [rows],
    ({ columns }) => rowThreads(columns),
  ),
  softmaxBackward: byTable(
    "softmaxBackward",
    "reductions",
    ({ rows }) => [rows],
    ({ columns }) => rowThreads(columns),
  ),
  countTargets: byTable("countTargets", "losses", () => [1], 1024),
  crossEntropy: byTable(
    "crossEntropy",
    "losses",
    ({ rows }) => [rows],
    ({ vocab }) => rowThreads(vocab),
  ),
  bceForward: byTable("bceForward", "losses", ({ n }) => gridOf(n)),
  bceBackward: byTable("bceBackward", "losses", ({ n }) => gridOf(n)),
  gatherRows: byTable("gatherRows", "losses", ({ rows, dim }) => gridOf(rows * dim)),
  scatterAddRows: byTable("scatterAddRows", "losses", ({ rows, vocab }) => [rows > 0 ? vocab : 0], 256),
  gatherColumns: byTable("gatherColumns", "losses", ({ rows, k }) => gridOf(rows * k)),
  scatterAddColumns: byTable("scatterAddColumns", "losses", ({ rows }) => gridOf(rows)),
};
