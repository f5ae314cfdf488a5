import type { KernelArguments } from "../../../kernels.ts";
import type { Launcher, MacroLaunch } from "../launcher.ts";
import { fitsGroupedMma, type GroupedOutput } from "./grouped-mma.ts";

const file = "grouped-wgmma";
const bytes = 2;
const depth = 64;
const stages = 4;
const barriers = 2 * 8 * stages;
const warpgroupThreads = 128;
const warpgroupRows = 64;
/** Rows of an expert, on the average, below which half a tile of padding at its end outweighs what large tiles save. */
const leastRows = 512;
/** Most that tiles may stand out beyond a product, as a share of it. */
const mostPadding = 0.15;

interface Tile {
  readonly rows: number;
  readonly columns: number;
  readonly multiplying: number;
  readonly parts: number;
}

/** Both fill the registers of their warpgroups with sums: see the .cu file. */
const tiles: readonly Tile[] = [
  { multiplying: 2, parts: 2, columns: 192 },
  { multiplying: 3, parts: 1, columns: 256 },
].map((shape) => ({ ...shape, rows: shape.multiplying * shape.parts * warpgroupRows }));

type Chip = Pick<Launcher, "chip" | "multiprocessors">;

const cover = (length: number, tile: number) => Math.ceil(length / tile) * tile;

/** The tile that stands out least; undefined where all do too much. `rows` are of the output, or of no account where experts have many. */
function tileOf(columns: number, rows?: number): Tile | undefined {
  const padding = (tile: Tile) =>
    (cover(columns, tile.columns) / columns) * (rows === undefined ? 1 : cover(rows, tile.rows) / rows) - 1;
  const best = tiles.reduce((a, b) => (padding(b) < padding(a) ? b : a));
  return padding(best) <= mostPadding ? best : undefined;
}

function over(
  name: string,
  { rows, columns, multiplying, parts }: Tile,
  tasks: number,
  output: GroupedOutput,
  { multiprocessors }: Chip,
  values: readonly number[],
): MacroLaunch {
  return {
    file,
    name,
    macros: { OUT: output === "f32" ? "float" : "bf16", MULTIPLYING: multiplying, PARTS: parts, TILE_N: columns },
    grid: [Math.min(tasks, multiprocessors)],
    block: (1 + multiplying) * warpgroupThreads,
    shared: stages * depth * bytes * (rows + columns) + barriers,
    signature: "ppppiiii",
    values,
  };
}

/** x, w bf16. Undefined where groupedGemmMma is better, or the only one: another chip, few rows an expert, sizes that fill no large tiles. */
export function groupedGemmWgmma(
  g: KernelArguments<"groupedGemm", number>,
  output: GroupedOutput,
  chip: Chip,
): MacroLaunch | undefined {
  if (chip.chip !== "sm_90a" || !fitsGroupedMma(g) || g.rows < leastRows * g.experts) return undefined;
  const tile = tileOf(g.n);
  if (!tile) return undefined;
  const tasks = (Math.ceil(g.rows / tile.rows) + g.experts) * Math.ceil(g.n / tile.columns);
  const name = g.transposeW ? "groupedGemmTransposedWgmma" : "groupedGemmWgmma";
  return over(name, tile, tasks, output, chip, [g.x, g.w, g.y, g.offsets, g.experts, g.n, g.k, g.accumulate]);
}

/** dy, x bf16. Undefined as above. */
export function groupedGemmWeightGradWgmma(
  g: KernelArguments<"groupedGemmWeightGrad", number>,
  output: GroupedOutput,
  chip: Chip,
): MacroLaunch | undefined {
  if (chip.chip !== "sm_90a" || !fitsGroupedMma(g) || g.rows < leastRows * g.experts) return undefined;
  const tile = tileOf(g.k, g.n);
  if (!tile) return undefined;
  const tasks = g.experts * Math.ceil(g.n / tile.rows) * Math.ceil(g.k / tile.columns);
  const values = [g.dy, g.x, g.dw, g.offsets, g.experts, g.n, g.k, g.accumulate];
  return over("groupedGemmWeightGradWgmma", tile, tasks, output, chip, values);
}
