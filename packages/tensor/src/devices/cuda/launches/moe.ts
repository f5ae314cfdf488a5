import { fitsGroupedMma, groupedGemmWeightGradMma, instructionsOf } from "./grouped-mma.ts";
import { byTable, gridOf, type Launches, rowThreads } from "./launch.ts";

const file = "moe";
const tile = 64;
/** More of them would have more counts to add up than choices to place. */
const mostSortBlocks = 128;

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
    const share = 256 * Math.ceil(Math.max(n, 1) / 256 / mostSortBlocks);
    const blocks = Math.max(1, Math.ceil(n / share));
    launcher.launch(file, "countChoices", [blocks], 256, "ppiii", [indices, counts, n, experts, share], 4 * experts);
    launcher.launch(file, "offsetsOfCounts", [1], 256, "ppii", [counts, offsets, experts, blocks], 4 * experts);
    const values = [indices, counts, offsets, order, inverse, n, experts, share];
    launcher.launch(file, "placeChoices", [blocks], 256, "pppppiii", values, 36 * experts);
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
