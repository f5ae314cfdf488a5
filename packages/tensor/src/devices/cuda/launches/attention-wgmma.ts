import type { KernelArguments } from "../../../kernels.ts";
import type { Launcher, MacroLaunch } from "../launcher.ts";
import { deltaLaunch } from "./attention-mma.ts";

// As in kernels/attention-wgmma*.cu*.
const rows = 128;
const threads = 384;
const keys = 128;
const queries = 64;
/** Barriers, slots of tasks, and what each row sees. */
const beside = 256 + 16 + rows * 8;
const bytes = 2;
/** Workspace: two counters of tasks, then first and last position of the document of each position. */
const countersBytes = 64;
const endsBytes = 8;

interface Sizes {
  readonly batch: number;
  readonly sequence: number;
  readonly heads: number;
  readonly qkDim: number;
  readonly vDim: number;
  readonly scale: number;
  readonly causal: number;
}

/**
 * Whether the kernels of warpgroups take these heads: sm_90a, sizes whose sums stay in the registers of two warpgroups, row numbers that
 * fit 31 bits. The largest logit is found before it is scaled, so that the scale is positive.
 */
export function fitsAttentionWgmma(g: Sizes, { chip, scratchBytes }: Pick<Launcher, "chip" | "scratchBytes">): boolean {
  const { qkDim, vDim } = g;
  return (
    chip === "sm_90a" &&
    [64, 128, 192].includes(qkDim) &&
    [64, 128].includes(vDim) &&
    vDim <= qkDim &&
    g.scale > 0 &&
    g.batch * (g.sequence + rows) * g.heads < 2 ** 31 &&
    countersBytes + g.batch * g.sequence * endsBytes <= scratchBytes
  );
}

function macrosOf({ qkDim, vDim }: Sizes): MacroLaunch["macros"] {
  return { QK_DIM: qkDim, V_DIM: vDim };
}

/** What blocks take their tasks from, on a chip. */
export type Workspace = Pick<Launcher, "scratch" | "multiprocessors">;

function documentsLaunch(g: Sizes & { readonly documents: number }, { scratch }: Workspace): MacroLaunch {
  return {
    file: "attention-rows",
    name: "attentionDocuments",
    macros: {},
    grid: [Math.ceil((g.batch * g.sequence) / 256)],
    block: 256,
    shared: 0,
    signature: "pppii",
    values: [g.documents, scratch, scratch + countersBytes, g.batch, g.sequence],
  };
}

function over(
  file: string,
  name: string,
  shared: number,
  g: Sizes,
  { multiprocessors }: Workspace,
  signature: string,
  buffers: readonly number[],
): MacroLaunch {
  const tasks = Math.ceil(g.sequence / rows) * g.heads * g.batch;
  return {
    ...{ file, name, macros: macrosOf(g), grid: [Math.min(tasks, multiprocessors)], block: threads },
    shared: shared + beside,
    signature,
    values: [...buffers, g.batch, g.sequence, g.heads, g.scale, g.causal],
  };
}

/** q, k, v, out bf16. In this order. */
export function attentionForwardWgmma(
  g: KernelArguments<"attentionForward", number>,
  workspace: Workspace,
): readonly MacroLaunch[] {
  const { scratch } = workspace;
  const shared = bytes * (rows * g.qkDim + 2 * keys * (g.qkDim + g.vDim));
  return [
    documentsLaunch(g, workspace),
    over("attention-wgmma-forward", "attentionForwardWgmma", shared, g, workspace, "ppppppppiiifi", [
      ...[g.q, g.k, g.v, scratch + countersBytes, scratch, g.out, g.lse, g.rowMax],
    ]),
  ];
}

/** dout, q, k, v, out, dq, dk, dv bf16. In this order. */
export function attentionBackwardWgmma(
  g: KernelArguments<"attentionBackward", number>,
  workspace: Workspace,
): readonly MacroLaunch[] {
  const file = "attention-wgmma-backward";
  const { scratch } = workspace;
  const inputs = (counter: number) => [
    ...[g.dout, g.q, g.k, g.v, scratch + countersBytes, scratch + 4 * counter, g.lse, g.delta],
  ];
  const own = bytes * rows * (g.qkDim + g.vDim);
  const queryPass = own + bytes * keys * (2 * g.qkDim + g.vDim);
  // The queries' lse and delta come with them.
  const keyPass = own + 3 * queries * (bytes * (g.qkDim + g.vDim) + 2 * 4);
  return [
    documentsLaunch(g, workspace),
    deltaLaunch(g),
    over(file, "attentionBackwardQWgmma", queryPass, g, workspace, "pppppppppiiifi", [...inputs(0), g.dq]),
    over(file, "attentionBackwardKVWgmma", keyPass, g, workspace, "ppppppppppiiifi", [...inputs(1), g.dk, g.dv]),
  ];
}
