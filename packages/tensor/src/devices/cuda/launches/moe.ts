import { fitsGroupedMma, groupedGemmWeightGradMma, instructionsOf } from "./grouped-mma.ts";
import { byTable, gridOf, type Launches, rowThreads } from "./launch.ts";

const file = "moe";
const tile = 64;

export const moeLaunches: Launches<
  | "routeForward"
  | "routeBackward"
  | "sortByExpert"
  | "permute"
  | "permuteBackward"
  | "unpermute"
  | "unpermuteBackward"
  | "balanceBias"
  | "groupedGemm"
  | "groupedGemmWeightGrad"
> = {
  routeForward: byTable("routeForward", file, ({ rows }) => [Math.ceil(rows / 8)]),
  routeBackward: byTable("routeBackward", file, ({ rows }) => [Math.ceil(rows / 8)]),
  sortByExpert({ indices, offsets, order, inverse, n, experts }, launcher) {
    const counts = launcher.scratch;
    launcher.launch(file, "countChoices", [experts], 256, "ppi", [indices, counts, n]);
    launcher.launch(file, "offsetsOfCounts", [1], 32, "ppi", [counts, offsets, experts]);
    launcher.launch(file, "placeChoices", [experts], 256, "ppppi", [indices, offsets, order, inverse, n]);
  },
  permute: byTable("permute", file, ({ n, dim }) => gridOf(n * dim)),
  permuteBackward: byTable("permuteBackward", file, ({ rows, dim }) => gridOf(rows * dim)),
  unpermute: byTable("unpermute", file, ({ rows, dim }) => gridOf(rows * dim)),
  unpermuteBackward: byTable(
    "unpermuteBackward",
    file,
    ({ rows, k }) => [rows * k],
    ({ dim }) => rowThreads(dim),
  ),
  balanceBias: byTable("balanceBias", file, () => [1]),
  groupedGemm: byTable("groupedGemm", "grouped", ({ rows, experts, n }) => [
    Math.ceil(n / tile),
    rows > 0 ? Math.ceil(rows / tile) + experts : 0,
  ]),
  groupedGemmWeightGrad(g, launcher) {
    if (launcher.areBf16("dy", "x") && !launcher.areBf16("dw") && fitsGroupedMma(g))
      launcher.launchCompiled(groupedGemmWeightGradMma(g, "f32", instructionsOf(launcher.chip)));
    else plainWeightGrad(g, launcher);
  },
};

const plainWeightGrad = byTable("groupedGemmWeightGrad", "grouped", ({ experts, n, k }) => [
  Math.ceil(k / tile),
  Math.ceil(n / tile),
  experts,
]);
