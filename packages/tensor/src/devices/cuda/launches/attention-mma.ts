import type { KernelArguments } from "../../../kernels/index.ts";
import type { Grid, MacroLaunch, Signature } from "../launcher.ts";

const file = "attention-mma";
const bytes = 2;
const stages = 2;
const warpThreads = 32;
const warpRows = 16;
/** Bytes of shared memory of a block, and of a multiprocessor less 1 KiB for each block, on sm_90; what kernels declare themselves. */
const mostShared = 227 << 10;
const blockReserve = 1 << 10;
const staticShared = 4 << 10;

interface Tiles {
  readonly macros: MacroLaunch["macros"];
  readonly forward: Block;
  readonly query: Block;
  readonly key: Block;
}

interface Block {
  readonly rows: number;
  readonly threads: number;
  readonly shared: number;
}

/** Whether the kernels take these heads: multiples of 16 up to 256, and row numbers that fit 31 bits. */
export function fitsAttentionMma(g: {
  readonly batch: number;
  readonly sequence: number;
  readonly heads: number;
  readonly qkDim: number;
  readonly vDim: number;
}): boolean {
  const fits = (dim: number) => dim > 0 && dim <= 256 && dim % 16 === 0;
  return fits(g.qkDim) && fits(g.vDim) && g.batch * (g.sequence + 256) * g.heads < 2 ** 31;
}

/** Tiles for which the sums of a pair of head sizes stay in registers: see the head of the .cu file. */
export function attentionTiles(qkDim: number, vDim: number): Tiles {
  const rowBytes = bytes * (qkDim + 8 + vDim + 8);
  const wide = qkDim > 192 || vDim > 128;
  const forward = wide ? { warps: 8, parts: 1, keys: 64 } : { warps: 4, parts: 2, keys: 64 };
  const query = { warps: 8, keys: wide ? 32 : 64 };
  const key = { warps: 8, queries: wide ? 16 : 32 };
  const block = (warps: number, rows: number, shared: number): Block => ({
    rows,
    threads: warps * warpThreads,
    shared,
  });
  const blocks = (shared: number) => (2 * (shared + staticShared + blockReserve) <= mostShared + blockReserve ? 2 : 1);

  const forwardRows = forward.warps * forward.parts * warpRows;
  // Queries, keys and values; at the end the outputs, in their place.
  const forwardShared = Math.max(
    bytes * (forwardRows * (qkDim + 8)) + rowBytes * forward.keys,
    bytes * forwardRows * (vDim + 8),
  );
  const queryRows = query.warps * warpRows;
  const queryShared = rowBytes * (queryRows + stages * query.keys);
  const keyRows = key.warps * warpRows;
  const keyShared = rowBytes * (keyRows + stages * key.queries);
  return {
    forward: block(forward.warps, forwardRows, forwardShared),
    query: block(query.warps, queryRows, queryShared),
    key: block(key.warps, keyRows, keyShared),
    macros: {
      QK_DIM: qkDim,
      V_DIM: vDim,
      FORWARD_WARPS: forward.warps,
      FORWARD_PARTS: forward.parts,
      FORWARD_KEYS: forward.keys,
      // Two blocks of 4 warps have 255 registers a thread; of 8 warps, one.
      FORWARD_BLOCKS: forward.warps === 4 ? blocks(forwardShared) : 1,
      QUERY_WARPS: query.warps,
      QUERY_KEYS: query.keys,
      QUERY_BLOCKS: 1,
      KEY_WARPS: key.warps,
      KEY_QUERIES: key.queries,
      KEY_BLOCKS: 1,
    },
  };
}

function over(
  name: string,
  { rows, threads, shared }: Block,
  macros: MacroLaunch["macros"],
  g: { readonly batch: number; readonly sequence: number; readonly heads: number },
  signature: Signature,
  values: readonly number[],
): MacroLaunch {
  const grid: Grid = [Math.ceil(g.sequence / rows) * g.heads * g.batch];
  return { file, name, macros, grid, block: threads, shared, signature, values };
}

/** q, k, v, out bf16. */
export function attentionForwardMma(g: KernelArguments<"attentionForward", number>): MacroLaunch {
  const { macros, forward } = attentionTiles(g.qkDim, g.vDim);
  return over("attentionForwardMma", forward, macros, g, "pppppppiiifi", [
    ...[g.q, g.k, g.v, g.documents, g.out, g.lse, g.rowMax],
    ...[g.batch, g.sequence, g.heads, g.scale, g.causal],
  ]);
}

/** Lanes that share a row of `delta`: as LANES in the kernel. */
export function deltaLanes(vDim: number): number {
  return vDim > 128 ? 32 : vDim > 64 ? 16 : vDim > 32 ? 8 : 4;
}

/** dout, out bf16. */
export function deltaLaunch(g: KernelArguments<"attentionBackward", number>): MacroLaunch {
  const threads = 256;
  return {
    file: "attention-rows",
    name: "attentionDeltaMma",
    macros: { V_DIM: g.vDim },
    grid: [Math.ceil((g.batch * g.sequence * g.heads * deltaLanes(g.vDim)) / threads)],
    block: threads,
    shared: 0,
    signature: "pppiii",
    values: [g.dout, g.out, g.delta, g.batch, g.sequence, g.heads],
  };
}

/** dout, q, k, v, out, dq, dk, dv bf16. In this order: the second and third read delta. */
export function attentionBackwardMma(g: KernelArguments<"attentionBackward", number>): readonly MacroLaunch[] {
  const { macros, query, key } = attentionTiles(g.qkDim, g.vDim);
  const inputs = [g.dout, g.q, g.k, g.v, g.documents, g.lse, g.delta];
  const sizes = [g.batch, g.sequence, g.heads, g.scale, g.causal];
  return [
    deltaLaunch(g),
    over("attentionBackwardQMma", query, macros, g, "ppppppppiiifi", [...inputs, g.dq, ...sizes]),
    over("attentionBackwardKVMma", key, macros, g, "pppppppppiiifi", [...inputs, g.dk, g.dv, ...sizes]),
  ];
}
