import type { KernelArguments } from "../../../kernels/index.ts";
import type { Launcher } from "../launcher.ts";

/** What both kernels of attention in latent space are given. */
type Latent = Omit<KernelArguments<"pagedLatentAttention", number>, "out">;

const file = "latent-splits";

// As in kernels/latent-splits.cu.
const headsOfBlock = 16;
const threads = 256;
/** Blocks that keep a card busy. */
const wantedBlocks = 512;
/** With fewer blocks than this, chunks are short, so that there are more. */
const fewBlocks = 264;

/** Whether the kernel that cuts a context into parts takes these sizes: whole 16 bytes, and accumulators that fit the registers. */
export function fitsLatentSplits({ latent, ropeDim }: Pick<Latent, "latent" | "ropeDim">): boolean {
  return latent % 8 === 0 && ropeDim % 8 === 0 && latent <= 2 * threads && latent + ropeDim <= 640;
}

/**
 * How many parts contexts are cut into, and positions that a block takes at a time. It depends on what is fixed when a graph is captured
 * alone: the rows, and the longest context that a block table can hold.
 */
function partsOf(g: Latent, scratchBytes: number) {
  const longest = g.maxBlocks * g.blockSize;
  const blocks = g.rows * Math.ceil(g.heads / headsOfBlock);
  const room = Math.floor(scratchBytes / (4 * g.rows * g.heads * (g.latent + 4)));
  const chunk = blocks * Math.ceil(longest / 64) < fewBlocks ? 16 : 64;
  const splits = Math.max(1, Math.min(Math.ceil(longest / chunk), Math.ceil(wantedBlocks / blocks), room));
  return { chunk, splits, macros: [`LATENT=${g.latent}`, `ROPE=${g.ropeDim}`, `CHUNK=${chunk}`] };
}

/** Partial sums by part of the context, into the launcher's scratch. Returns how many parts, and what the next kernel is compiled with. */
export function latentPartials(g: Latent, launcher: Launcher): { splits: number; macros: readonly string[] } {
  const { chunk, splits, macros } = partsOf(g, launcher.scratchBytes);
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
    true,
  );
  return { splits, macros };
}

/** Partial sums by part of the context, then their combination. */
export function latentInSplits(g: KernelArguments<"pagedLatentAttention", number>, launcher: Launcher): void {
  const { splits, macros } = latentPartials(g, launcher);
  launcher.launch(
    file,
    "latentCombine",
    [g.heads, g.rows],
    128,
    "ppii",
    [launcher.scratch, g.out, g.heads, splits],
    4 * splits,
    macros,
    true,
  );
}
