import type { KernelArguments } from "../../../kernels/index.ts";
import type { Launcher, MacroLaunch } from "../launcher.ts";
import { attentionBackwardMma, attentionForwardMma, fitsAttentionMma } from "./attention-mma.ts";
import { attentionBackwardWgmma, attentionForwardWgmma, fitsAttentionWgmma } from "./attention-wgmma.ts";
import { fitsLatentSplits, latentInSplits } from "./latent-splits.ts";
import { byTable, gridOf, type Launches } from "./launch.ts";

const tile = 32;
const mostHeadDim = 256;
const mostLatent = 1024;

/** Bytes of shared memory for tiles of queries and keys, and so many of values and their gradients. */
function tileBytes(qkTiles: number, qkDim: number, vTiles: number, vDim: number): number {
  return 4 * tile * (qkTiles * (qkDim + 1) + vTiles * (vDim + 1));
}

function checkHeads(kernel: string, qkDim: number, vDim: number): void {
  if (qkDim > mostHeadDim || vDim > mostHeadDim) {
    throw new Error(`${kernel}: heads of ${qkDim} and ${vDim}, the CUDA device takes ${mostHeadDim} at most`);
  }
}

type Chip = Pick<Launcher, "chip" | "scratch" | "scratchBytes">;

/** The fastest kernels for bf16 that a chip and these heads allow; undefined where only the plain ones take them. */
export function forwardOnTensorCores(
  g: KernelArguments<"attentionForward", number>,
  launcher: Chip,
): readonly MacroLaunch[] | undefined {
  if (fitsAttentionWgmma(g, launcher)) return attentionForwardWgmma(g, launcher.scratch);
  if (fitsAttentionMma(g)) return [attentionForwardMma(g)];
  return undefined;
}

/** The same of the gradients. */
export function backwardOnTensorCores(
  g: KernelArguments<"attentionBackward", number>,
  launcher: Chip,
): readonly MacroLaunch[] | undefined {
  if (fitsAttentionWgmma(g, launcher)) return attentionBackwardWgmma(g, launcher.scratch);
  if (fitsAttentionMma(g)) return attentionBackwardMma(g);
  return undefined;
}

export const attentionLaunches: Launches<
  "rope" | "attentionForward" | "attentionBackward" | "latentCacheWrite" | "pagedLatentAttention"
> = {
  rope: byTable("rope", "latent", ({ rows, heads, headDim }) =>
    gridOf(rows * heads * (headDim % 8 === 0 ? headDim / 8 : headDim)),
  ),
  attentionForward(g, launcher) {
    checkHeads("attentionForward", g.qkDim, g.vDim);
    if (launcher.areBf16("q", "k", "v", "out")) {
      const launches = forwardOnTensorCores(g, launcher);
      if (launches) return launches.forEach(launcher.launchCompiled);
    }
    launcher.launch(
      "attention",
      "attentionForward",
      [Math.ceil(g.sequence / tile), g.heads, g.batch],
      256,
      "pppppppiiiiifi",
      [
        ...[g.q, g.k, g.v, g.documents, g.out, g.lse, g.rowMax],
        ...[g.batch, g.sequence, g.heads, g.qkDim, g.vDim, g.scale, g.causal],
      ],
      tileBytes(2, g.qkDim, 1, g.vDim),
    );
  },
  attentionBackward(g, launcher) {
    checkHeads("attentionBackward", g.qkDim, g.vDim);
    if (launcher.areBf16("q", "k", "v", "out", "dout", "dq", "dk", "dv")) {
      const launches = backwardOnTensorCores(g, launcher);
      if (launches) return launches.forEach(launcher.launchCompiled);
    }
    const rows = g.batch * g.sequence * g.heads;
    const sizes = [g.batch, g.sequence, g.heads, g.qkDim, g.vDim, g.scale, g.causal];
    const inputs = [g.dout, g.q, g.k, g.v, g.documents, g.lse, g.delta];
    const blocks = [Math.ceil(g.sequence / tile), g.heads, g.batch] as const;
    const shared = tileBytes(2, g.qkDim, 2, g.vDim);
    launcher.launch("attention", "attentionDelta", [Math.ceil(rows / 8)], 256, "pppiiii", [
      ...[g.dout, g.out, g.delta, g.batch, g.sequence, g.heads, g.vDim],
    ]);
    launcher.launch(
      "attention",
      "attentionBackwardQ",
      blocks,
      256,
      "ppppppppiiiiifi",
      [...inputs, g.dq, ...sizes],
      shared,
    );
    launcher.launch(
      "attention",
      "attentionBackwardKV",
      blocks,
      256,
      "pppppppppiiiiifi",
      [...inputs, g.dk, g.dv, ...sizes],
      shared,
    );
  },
  latentCacheWrite: byTable("latentCacheWrite", "latent", ({ rows, width }) => gridOf(rows * width)),
  pagedLatentAttention(g, launcher) {
    if (g.latent > mostLatent) {
      throw new Error(`pagedLatentAttention: a latent of ${g.latent}, the CUDA device takes ${mostLatent} at most`);
    }
    if (fitsLatentSplits(g)) return latentInSplits(g, launcher);
    launcher.launch("latent", "pagedLatentAttention", [g.heads, g.rows], 256, "ppppppiiiiiif", [
      ...[g.q, g.cache, g.blockTables, g.rowSequence, g.contextLengths, g.out],
      ...[g.rows, g.heads, g.latent, g.ropeDim, g.blockSize, g.maxBlocks, g.scale],
    ]);
  },
};
