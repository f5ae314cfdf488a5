import type { KernelArguments } from "../../../kernels/index.ts";
import type { Launcher, MacroLaunch } from "../launcher.ts";
import { deltaLaunch } from "./attention-mma.ts";

// As in kernels/attention-wgmma*.cu*.
const rows = 128;
const threads = 384;
const keys = 128;
const queries = 64;
const barriers = 256;
const bytes = 2;
/** Of first and last position of a document. */
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
    g.batch * g.sequence * endsBytes <= scratchBytes
  );
}

function macrosOf({ qkDim, vDim }: Sizes): MacroLaunch["macros"] {
  return { QK_DIM: qkDim, V_DIM: vDim };
}

function documentsLaunch(g: Sizes & { readonly documents: number }, ends: number): MacroLaunch {
  return {
    file: "attention-rows",
    name: "attentionDocuments",
    macros: {},
    grid: [Math.ceil((g.batch * g.sequence) / 256)],
    block: 256,
    shared: 0,
    signature: "ppii",
    values: [g.documents, ends, g.batch, g.sequence],
  };
}

function over(
  file: string,
  name: string,
  shared: number,
  g: Sizes,
  signature: string,
  buffers: readonly number[],
): MacroLaunch {
  return {
    ...{ file, name, macros: macrosOf(g), grid: [Math.ceil(g.sequence / rows) * g.heads * g.batch], block: threads },
    shared: shared + barriers,
    signature,
    values: [...buffers, g.batch, g.sequence, g.heads, g.scale, g.causal],
  };
}

/** q, k, v, out bf16. In this order; `ends`: workspace of 8 bytes a position. */
export function attentionForwardWgmma(
  g: KernelArguments<"attentionForward", number>,
  ends: number,
): readonly MacroLaunch[] {
  const shared = bytes * (rows * g.qkDim + 2 * keys * (g.qkDim + g.vDim));
  return [
    documentsLaunch(g, ends),
    over("attention-wgmma-forward", "attentionForwardWgmma", shared, g, "pppppppiiifi", [
      ...[g.q, g.k, g.v, ends, g.out, g.lse, g.rowMax],
    ]),
  ];
}

/** dout, q, k, v, out, dq, dk, dv bf16. In this order. */
export function attentionBackwardWgmma(
  g: KernelArguments<"attentionBackward", number>,
  ends: number,
): readonly MacroLaunch[] {
  const file = "attention-wgmma-backward";
  const inputs = [g.dout, g.q, g.k, g.v, ends, g.lse, g.delta];
  const own = bytes * rows * (g.qkDim + g.vDim);
  const queryPass = own + bytes * keys * (2 * g.qkDim + g.vDim);
  // The queries' lse and delta come with them.
  const keyPass = own + 3 * queries * (bytes * (g.qkDim + g.vDim) + 2 * 4);
  return [
    documentsLaunch(g, ends),
    deltaLaunch(g),
    over(file, "attentionBackwardQWgmma", queryPass, g, "ppppppppiiifi", [...inputs, g.dq]),
    over(file, "attentionBackwardKVWgmma", keyPass, g, "pppppppppiiifi", [...inputs, g.dk, g.dv]),
  ];
}
