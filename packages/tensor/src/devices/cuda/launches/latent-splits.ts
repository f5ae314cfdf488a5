import type { KernelArguments } from "../../../kernels.ts";
import type { Launcher } from "../launcher.ts";

type Latent = KernelArguments<"pagedLatentAttention", number>;

const file = "latent-splits";

// As in kernels/latent-splits.cu.
const headsOfBlock = 16;
const chunk = 64;
const threads = 256;
/** Blocks that keep a card busy. */
const wantedBlocks = 512;

/** Whether the kernel that cuts a context into parts takes these sizes: whole 16 bytes, and accumulators that fit the registers. */
export function fitsLatentSplits({ latent, ropeDim }: Latent): boolean {
  return latent % 8 === 0 && ropeDim % 8 === 0 && latent <= 2 * threads && latent + ropeDim <= 640;
}

/**
 * How many parts contexts are cut into. It depends on what is fixed when a graph is captured alone: the rows, and the longest context that
 * a block table can hold.
 */
export function splitsOf(g: Latent, scratchBytes: number): number {
  const longest = g.maxBlocks * g.blockSize;
  const blocks = g.rows * Math.ceil(g.heads / headsOfBlock);
  const room = Math.floor(scratchBytes / (4 * g.rows * g.heads * (g.latent + 2)));
  return Math.max(1, Math.min(Math.ceil(longest / chunk), Math.ceil(wantedBlocks / blocks), room));
}

/** Partial sums by part of the context, then their combination. */
export function latentInSplits(g: Latent, launcher: Launcher): void {
  const splits = splitsOf(g, launcher.scratchBytes);
  const macros = [`LATENT=${g.latent}`, `ROPE=${g.ropeDim}`];
  const width = g.latent + g.ropeDim;
  const shared = 4 * headsOfBlock * width + 2 * chunk * (width + 8) + 4 * headsOfBlock * chunk;
  launcher.launch(
    file,
    "latentPartials",
    [Math.ceil(g.heads / headsOfBlock), g.rows, splits],
    threads,
    "ppppppiiif",
    [
      ...[g.q, g.cache, g.blockTables, g.rowSequence, g.contextLengths, launcher.scratch],
      ...[g.heads, g.blockSize, g.maxBlocks, g.scale],
    ],
    shared,
    macros,
  );
  launcher.launch(
    file,
    "latentCombine",
    [g.heads, g.rows],
    threads,
    "ppii",
    [launcher.scratch, g.out, g.heads, splits],
    0,
    macros,
  );
}
