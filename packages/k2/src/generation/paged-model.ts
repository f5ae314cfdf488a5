import {
  add,
  concatenate,
  type Device,
  dequantize,
  embedding,
  type Graph,
  headMatmul,
  linear,
  noGrad,
  type PagedContext,
  pagedLatentAttention,
  persistent,
  reshape,
  rmsNorm,
  scope,
  slice,
  type Tensor,
  writeLatentCache,
} from "@baltoro/tensor";
import { softmaxScale } from "../config.ts";
import { projectLatent, projectQuery } from "../model/attention.ts";
import { addFeedForward, type K2Model } from "../model/model.ts";
import type { LayerWeights } from "../model/weights.ts";
import { fitsFused, fusedLayer } from "./fused-layer.ts";

/** Sizes of a paged model. */
export interface PagedModelOptions {
  /** Positions per cache block. Default 16. */
  readonly blockSize?: number;
  /** Blocks of the cache, shared by all sequences; block 0 stays unused. */
  readonly blocks: number;
  /** Sequences in one batch. */
  readonly maxSequences: number;
  /** Longest sequence. Default the config's maxPositionEmbeddings. */
  readonly maxContext?: number;
}

/** Rows of one batch: each is one token of one sequence. Prefill chunks and decode steps mix freely. */
export interface BatchRow {
  readonly token: number;
  /** Position in its sequence; the row sees positions 0 … position. */
  readonly position: number;
  /** Which block table: 0 … maxSequences − 1. */
  readonly sequence: number;
}

/** Row counts that are captured: a batch is padded to the next. */
const rowBuckets = [1, 2, 4, 8, 16, 32, 64, 128, 256];

/** Most rows of one batch. */
export const maxBatchRows = 256;

interface AbsorbedWeights {
  /** W_kb per head, turned, [H, latent, nope]: takes queries into latent space. */
  readonly keys: Tensor;
  /** W_vb per head [H, v, latent]: turns latent outputs into values. */
  readonly values: Tensor;
}

interface Bucket {
  readonly graph: Graph;
  readonly inputs: Readonly<
    Record<"tokens" | "positions" | "slots" | "rowSequence" | "contextLengths" | "logitRows", Tensor>
  >;
  readonly logits: Tensor;
  readonly rows: number;
  readonly wanted: number;
}

/**
 * A model that generates: a paged latent cache (kvLoraRank + qkRopeHeadDim numbers per token and layer) and the absorbed
 * path of MLA, captured once per batch size and replayed, so that a token costs one launch.
 */
export class PagedModel implements Disposable {
  readonly model: K2Model;
  readonly blockSize: number;
  readonly blocks: number;
  readonly maxContext: number;
  readonly maxSequences: number;
  readonly #device: Device;
  readonly #caches: readonly Tensor[];
  readonly #absorbed: readonly AbsorbedWeights[];
  readonly #blockTables: Tensor;
  readonly #tableValues: Int32Array;
  readonly #buckets = new Map<string, Bucket>();

  constructor(model: K2Model, options: PagedModelOptions) {
    const { config, device } = model;
    this.model = model;
    this.#device = device;
    this.blockSize = options.blockSize ?? 16;
    this.blocks = options.blocks;
    this.maxSequences = options.maxSequences;
    this.maxContext = options.maxContext ?? config.maxPositionEmbeddings;
    const width = config.kvLoraRank + config.qkRopeHeadDim;
    this.#caches = model.weights.layers.map((_, i) =>
      persistent(device, [this.blocks, this.blockSize, width], device.backend.activations, `latent cache ${i}`),
    );
    this.#absorbed = model.weights.layers.map((layer) => absorb(model, layer));
    const maxBlocks = Math.ceil(this.maxContext / this.blockSize);
    this.#blockTables = persistent(device, [this.maxSequences, maxBlocks], "i32", "block tables");
    this.#tableValues = new Int32Array(this.#blockTables.size);
    this.#blockTables.write(this.#tableValues);
  }

  /** Takes over weights that were written into the model since: the absorbed ones are computed from them. */
  refresh(): void {
    for (const [i, layer] of this.model.weights.layers.entries()) absorbInto(this.#absorbed[i], this.model, layer);
  }

  /** Sets the cache blocks of a sequence. Takes effect with the next `run`. */
  setBlockTable(sequence: number, blocks: readonly number[]): void {
    const maxBlocks = this.#blockTables.shape[1];
    this.#tableValues.fill(0, sequence * maxBlocks, (sequence + 1) * maxBlocks);
    this.#tableValues.set(blocks, sequence * maxBlocks);
  }

  /**
   * Runs one batch: writes every row's latent to the cache, and resolves to the logits of the rows in `wanted`,
   * [wanted.length, V] in that order.
   */
  async run(rows: readonly BatchRow[], wanted: readonly number[]): Promise<Float32Array> {
    if (rows.length === 0 || rows.length > maxBatchRows)
      throw new Error(`PagedModel: ${rows.length} rows, expected 1 … ${maxBatchRows}`);
    const bucket = this.#bucketFor(rows.length, Math.max(wanted.length, 1));
    const { inputs } = bucket;
    const maxBlocks = this.#blockTables.shape[1];
    const column = (fill: number, value: (row: BatchRow) => number) => {
      const values = new Int32Array(bucket.rows).fill(fill);
      for (const [i, row] of rows.entries()) values[i] = value(row);
      return values;
    };
    inputs.tokens.write(column(0, (row) => row.token));
    inputs.positions.write(column(0, (row) => row.position));
    inputs.rowSequence.write(column(0, (row) => row.sequence));
    inputs.contextLengths.write(column(0, (row) => row.position + 1));
    inputs.slots.write(
      column(-1, ({ sequence, position }) => {
        const block = this.#tableValues[sequence * maxBlocks + Math.floor(position / this.blockSize)];
        return block * this.blockSize + (position % this.blockSize);
      }),
    );
    const logitRows = new Int32Array(bucket.wanted);
    logitRows.set(wanted);
    inputs.logitRows.write(logitRows);
    this.#blockTables.write(this.#tableValues);
    this.#device.backend.launch(bucket.graph);
    const logits = await bucket.logits.read();
    const values = logits instanceof Float32Array ? logits : Float32Array.from(logits);
    return values.subarray(0, wanted.length * this.model.config.vocabSize);
  }

  #bucketFor(rows: number, wanted: number): Bucket {
    const padded = rowBuckets.find((size) => size >= rows) as number;
    const few = Math.min(padded, this.maxSequences);
    const logitCount = wanted <= few ? few : padded;
    const key = `${padded}:${logitCount}`;
    const existing = this.#buckets.get(key);
    if (existing) return existing;
    const ints = (label: string, count = padded) =>
      persistent(this.#device, [count], "i32", `${label} of batch ${padded}`);
    const inputs = {
      tokens: ints("tokens"),
      positions: ints("positions"),
      slots: ints("slots"),
      rowSequence: ints("row sequences"),
      contextLengths: ints("context lengths"),
      logitRows: ints("logit rows", logitCount),
    };
    const logits = persistent(
      this.#device,
      [logitCount, this.model.config.vocabSize],
      "f32",
      `logits of batch ${padded}`,
    );
    const graph = this.#device.backend.capture(() =>
      scope(this.#device, () => noGrad(this.#device, () => this.#forward(inputs, logits))),
    );
    const bucket = { graph, inputs, logits, rows: padded, wanted: logitCount };
    this.#buckets.set(key, bucket);
    return bucket;
  }

  #forward(inputs: Bucket["inputs"], logits: Tensor): void {
    const { weights, config, statistics } = this.model;
    const context: PagedContext = {
      blockTables: this.#blockTables,
      rowSequence: inputs.rowSequence,
      contextLengths: inputs.contextLengths,
    };
    let x = embedding(weights.embedding, inputs.tokens);
    const fused =
      (this.#device.backend.fusedRows ?? 0) >= inputs.tokens.size && fitsFused(config) && !this.model.experts;
    for (const [index, layer] of weights.layers.entries()) {
      if (fused) {
        const { positions, slots } = inputs;
        const own = { ...this.#absorbed[index], cache: this.#caches[index], loads: statistics.loads[index] };
        x = fusedLayer(x, config, { layer, ...own, tables: this.model.tables, positions, slots, context });
        continue;
      }
      const attended = this.#attention(rmsNorm(x, layer.inputNorm, config.rmsNormEps), index, layer, inputs, context);
      x = addFeedForward(add(x, attended), layer, config, statistics.loads[index]);
    }
    const wanted = embedding(rmsNorm(x, weights.norm, config.rmsNormEps), inputs.logitRows);
    const product = linear(wanted, weights.head, undefined, "f32");
    this.#device.backend.enqueue("axpby", { x: product.buffer, y: logits.buffer, n: logits.size, alpha: 1, beta: 0 });
  }

  /** MLA in latent space: scores = (q_nope · W_kb) · latent + q_rope · k_rope; output = (Σ p · latent) · W_vbᵀ. */
  #attention(x: Tensor, index: number, layer: LayerWeights, inputs: Bucket["inputs"], context: PagedContext): Tensor {
    const { config, tables } = this.model;
    const { numAttentionHeads: heads, qkNopeHeadDim, qkRopeHeadDim, kvLoraRank, vHeadDim } = config;
    const rows = x.shape[0];
    const q = projectQuery(x, layer.attention, config, inputs.positions, tables);
    const { latent, keyRope } = projectLatent(x, layer.attention, config, inputs.positions, tables);
    const cache = this.#caches[index];
    writeLatentCache(concatenate([latent, reshape(keyRope, [rows, qkRopeHeadDim])]), inputs.slots, cache);
    const { keys, values } = this.#absorbed[index];
    const absorbed = concatenate([
      headMatmul(slice(q, 0, qkNopeHeadDim), keys),
      slice(q, qkNopeHeadDim, qkRopeHeadDim),
    ]);
    const attended = pagedLatentAttention(absorbed, cache, context, kvLoraRank, softmaxScale(config));
    const out = headMatmul(attended, values);
    return linear(reshape(out, [rows, heads * vHeadDim]), layer.attention.o);
  }

  [Symbol.dispose](): void {
    for (const { keys, values } of this.#absorbed) for (const tensor of [keys, values]) tensor.release();
    for (const { inputs, logits } of this.#buckets.values())
      for (const tensor of [...Object.values(inputs), logits]) tensor.release();
    for (const cache of this.#caches) cache.release();
    this.#blockTables.release();
    this.#buckets.clear();
  }
}

/** Room for kv_b_proj [H · (nope + v), latent] split into its key part, turned, and its value part per head. */
function absorb(model: K2Model, layer: LayerWeights): AbsorbedWeights {
  const { numAttentionHeads: heads, qkNopeHeadDim, vHeadDim, kvLoraRank } = model.config;
  const { kvB } = layer.attention;
  // As DeepSeek's inference code does: what is absorbed is not quantized (model.py, weight_dequant of wkv_b).
  const dtype = kvB.dtype === "fp8e4m3" ? model.device.backend.activations : kvB.dtype;
  const room = (shape: readonly number[], label: string) =>
    persistent(model.device, [heads, ...shape], dtype, `absorbed ${label}`);
  const absorbed = { keys: room([kvLoraRank, qkNopeHeadDim], "keys"), values: room([vHeadDim, kvLoraRank], "values") };
  absorbInto(absorbed, model, layer);
  return absorbed;
}

function absorbInto(absorbed: AbsorbedWeights, model: K2Model, layer: LayerWeights): void {
  const { kvB } = layer.attention;
  if (kvB.dtype === "fp8e4m3") {
    const dtype = model.device.backend.activations;
    scope(model.device, () => splitHeads(absorbed, model, dequantize(kvB, dtype)));
  } else splitHeads(absorbed, model, kvB);
}

/** kvB [H · (nope + v), latent] to keys and values. */
function splitHeads({ keys, values }: AbsorbedWeights, { device, config }: K2Model, kvB: Tensor): void {
  const { numAttentionHeads: heads, qkNopeHeadDim: nope, vHeadDim, kvLoraRank: latent } = config;
  const stored = { src: kvB.buffer, accumulate: 0 };
  const rowsOfHead = nope + vHeadDim;
  device.backend.enqueue("copy3d", {
    ...stored,
    ...{ dst: values.buffer, n0: heads, n1: 1, n2: vHeadDim * latent },
    ...{ srcOffset: nope * latent, src0: rowsOfHead * latent, src1: 0, dstOffset: 0, dst0: vHeadDim * latent, dst1: 0 },
  });
  // Turned, so that a product of few rows reads weights in rows.
  for (let head = 0; head < heads; head++) {
    device.backend.enqueue("copy3d", {
      ...stored,
      ...{ dst: keys.buffer, n0: nope, n1: latent, n2: 1 },
      ...{ srcOffset: head * rowsOfHead * latent, src0: latent, src1: 1 },
      ...{ dstOffset: head * latent * nope, dst0: 1, dst1: nope },
    });
  }
}
