import {
  add,
  attention,
  concatenate,
  dropout,
  embedding,
  gelu,
  layerNorm,
  linear,
  matmul,
  mean,
  multiply,
  type RopeTables,
  reshape,
  rope,
  sigmoid,
  softmax,
  subtract,
  sum,
  swiglu,
  type Tensor,
  tensor,
} from "@baltoro/tensor";
import type { Batch } from "./batch.ts";
import type { FusionConfig } from "./config.ts";
import type { FusionWeights, LayerWeights } from "./weights.ts";

export interface Forward {
  /** [N, C] */
  readonly logits: Tensor;
  /** [N, C, L]: where each class's query looks, of attentive fusion. */
  readonly attention?: Tensor;
  /** [N, L, D]: what it looks at. */
  readonly context?: Tensor;
  /** [N, 1] per layer: how much of the structured features each note took in. */
  readonly strengths: readonly Tensor[];
}

export interface ForwardOptions {
  readonly tables: RopeTables;
  /** Dropout in training: state as `dropout` wants it. */
  readonly dropout?: { readonly p: number; readonly state: Tensor };
  /** Factors of ones, whose gradients say what each input gives: see relevance.ts. */
  readonly gates?: Gates;
}

export interface Gates {
  /** [T, 1]: of what a token's embedding is beside the mean of the note's. */
  readonly tokens: Tensor;
  /** [M, 1]: of a measurement's row. */
  readonly measurements: Tensor;
  /** [N, perCode · codes + beside]: of the notes' vectors. */
  readonly vectors: Tensor;
}

interface Structured {
  /** [M, D] */
  readonly measurements: Tensor;
  /** [N, D] */
  readonly note: Tensor;
}

/** Logits of every note and disease. Enqueues only. */
export function forward(weights: FusionWeights, config: FusionConfig, batch: Batch, options: ForwardOptions): Forward {
  const structured = encodeStructured(weights, batch, options.gates);
  const text = encodeText(weights, config, batch, options, structured);
  const head = config.fusion === "attention" ? attend : join;
  const { logits, ...rest } = head(weights, batch, text?.hidden, structured, options);
  return { ...rest, logits: batch.prior ? add(logits, batch.prior) : logits, strengths: text?.strengths ?? [] };
}

/** Measurements as tokens, and their note as one vector. */
function encodeStructured({ structured }: FusionWeights, batch: Batch, gates?: Gates): Structured | undefined {
  if (!structured) return undefined;
  const { encoding, up, upBias, down, norm, vectorUp, vectorBias, vectorDown, vectorNorm } = structured;
  const encodings = gates ? multiply(batch.encodings, gates.measurements) : batch.encodings;
  const vectors = gates ? multiply(batch.vectors, gates.vectors) : batch.vectors;
  const rows = matmul(encodings, encoding);
  const crossed = add(rows, linear(gelu(linear(rows, up, upBias)), down));
  const measurements = layerNorm(crossed, norm.weight, norm.bias);
  const vector = linear(gelu(linear(vectors, vectorUp, vectorBias)), vectorDown);
  const note = add(vector, matmul(batch.pooling, measurements));
  return { measurements, note: layerNorm(note, vectorNorm.weight, vectorNorm.bias) };
}

/** [T, D]: the encoder's tokens, without fusion: what pre-training looks at. */
export function encodeHidden(
  weights: FusionWeights,
  config: FusionConfig,
  batch: Batch,
  options: ForwardOptions,
): Tensor {
  const text = encodeText(weights, config, batch, options, encodeStructured(weights, batch));
  if (!text) throw new Error("the model has no text encoder");
  return text.hidden;
}

/** [T, D]: tokens in their note, structured features gated into every layer. */
function encodeText(
  { text, structured: { place } = {} as NonNullable<FusionWeights["structured"]> }: FusionWeights,
  config: FusionConfig,
  batch: Batch,
  options: ForwardOptions,
  structured?: Structured,
): { hidden: Tensor; strengths: Tensor[] } | undefined {
  if (!text) return undefined;
  let x = embedding(text.tokens, batch.tokens);
  if (text.words) x = add(x, embedding(text.words, batch.words));
  if (structured && place) x = add(x, embedding(linear(structured.measurements, place), batch.places));
  if (options.gates) {
    // Between the mean token and itself: what is only scaled, normalization scales back.
    const base = reshape(mean(x, { axis: 0 }), [1, x.shape[1]]);
    x = add(base, multiply(subtract(x, base), options.gates.tokens));
  }
  const strengths: Tensor[] = [];
  for (const layer of text.layers) {
    const infused = structured && infuse(layer, x, batch, structured);
    if (infused) strengths.push(infused.strength);
    x = block(layer, x, config, batch, options, infused);
  }
  return { hidden: layerNorm(x, text.norm.weight, text.norm.bias), strengths };
}

interface Infused {
  readonly strength: Tensor;
  /** [T, D] */
  readonly scale: Tensor;
  readonly shift: Tensor;
}

/**
 * Adaptive feature infusion, our reconstruction: FiLM (Perez et al. 2018, arXiv 1709.07871) on a layer's input, whose strength each
 * note predicts from its structured vector and its first token so far, as MAG's gate (Rahman et al. 2020). A number's own measurement
 * is added at its placeholder.
 */
function infuse(
  { infusion }: LayerWeights,
  x: Tensor,
  batch: Batch,
  { note, measurements }: Structured,
): Infused | undefined {
  if (!infusion) return undefined;
  const first = embedding(x, batch.firsts);
  const strength = sigmoid(linear(concatenate([first, note]), infusion.strength, infusion.strengthBias));
  const gated = multiply(note, strength);
  const shift = embedding(linear(gated, infusion.shift), batch.owners);
  const local = embedding(linear(measurements, infusion.local), batch.places);
  return { strength, scale: embedding(linear(gated, infusion.scale), batch.owners), shift: add(shift, local) };
}

function block(
  layer: LayerWeights,
  x: Tensor,
  { heads, width }: FusionConfig,
  batch: Batch,
  { tables }: ForwardOptions,
  infused: Infused | undefined,
): Tensor {
  const rows = x.shape[0];
  const headDim = width / heads;
  let normed = layerNorm(x, layer.attentionNorm.weight, layer.attentionNorm.bias);
  // x̂ + γ ⊙ x̂ + β
  if (infused) normed = add(add(normed, multiply(normed, infused.scale)), infused.shift);
  const turned = (weight: Tensor) =>
    reshape(rope(reshape(linear(normed, weight), [rows, heads, headDim]), batch.positions, tables), [
      1,
      rows,
      heads,
      headDim,
    ]);
  const value = reshape(linear(normed, layer.value), [1, rows, heads, headDim]);
  const { out } = attention(turned(layer.query), turned(layer.key), value, {
    documents: batch.documents,
    causal: false,
  });
  const attended = add(x, linear(reshape(out, [rows, width]), layer.output));
  const inner = layerNorm(attended, layer.feedForwardNorm.weight, layer.feedForwardNorm.bias);
  return add(attended, linear(swiglu(linear(inner, layer.gate), linear(inner, layer.up)), layer.down));
}

/** Rows of several matrices of one width, one below the other. */
function stack(parts: readonly Tensor[]): Tensor {
  const width = parts[0].shape[1];
  const rows = parts.reduce((total, part) => total + part.shape[0], 0);
  const flat = parts.map((part) => reshape(part, [part.size]));
  return reshape(flat.length === 1 ? flat[0] : concatenate(flat), [rows, width]);
}

/**
 * Multi-modal attentive fusion, our reconstruction: a query per disease attends over the note's tokens, its measurements and its
 * structured vector together; what it gathers goes through a hidden layer to the disease's logit.
 */
function attend(
  { head }: FusionWeights,
  batch: Batch,
  hidden: Tensor | undefined,
  structured: Structured | undefined,
  options: ForwardOptions,
): Omit<Forward, "strengths"> {
  const { queries } = head;
  if (!queries) throw new Error("attentive fusion: the model has no queries");
  const [classes, width] = queries.shape;
  const { notes, contextLength } = batch;
  const table = stack([...(hidden ? [hidden] : []), ...(structured ? [structured.measurements, structured.note] : [])]);
  const context = reshape(embedding(table, batch.context), [notes, contextLength, width]);
  // [N · L, C] would need turning round: the few queries are repeated for each note instead.
  const repeated = reshape(embedding(queries, repeatedRows(batch, classes)), [notes, classes, width]);
  const scores = matmul(repeated, context, { transposeB: true });
  const weights = softmax(add(scores, batch.contextMask));
  const gathered = matmul(weights, context);
  const logits = classify(head, reshape(gathered, [notes * classes, width]), notes, options);
  return {
    logits: head.evidence ? add(logits, addUp(context, head.evidence)) : logits,
    attention: weights,
    context,
  };
}

/** A token's evidence is its product with the disease's vector over this: notes have some hundred tokens. */
export const evidenceScale = 32;

/**
 * Evidence that adds up: what independent signs say of a disease are sums of log-odds, while attention's weights share out a one. Rows of
 * padding are zero and add nothing.
 */
function addUp(context: Tensor, evidence: Tensor): Tensor {
  const scale = tensor(context.device, [1 / evidenceScale], [1]);
  return linear(multiply(sum(context, { axis: 1 }), scale), evidence);
}

function repeatedRows({ notes, tokens }: Batch, classes: number): Tensor {
  return tensor(
    tokens.device,
    Int32Array.from({ length: notes * classes }, (_, i) => i % classes),
    [notes * classes],
    "i32",
  );
}

/** The plainest fusion: the note's first token beside its structured vector. */
function join(
  { head }: FusionWeights,
  batch: Batch,
  hidden: Tensor | undefined,
  structured: Structured | undefined,
  options: ForwardOptions,
): Omit<Forward, "strengths"> {
  const first = hidden && embedding(hidden, batch.firsts);
  const parts = [first, structured?.note].filter((part) => part !== undefined);
  const joined = parts.length > 1 ? concatenate(parts) : parts[0];
  const inner = regularize(gelu(linear(joined, head.hidden, head.hiddenBias)), options);
  return { logits: linear(inner, head.output, head.outputBias) };
}

function classify(head: FusionWeights["head"], gathered: Tensor, notes: number, options: ForwardOptions): Tensor {
  const [classes, width] = head.output.shape;
  const inner = regularize(gelu(linear(gathered, head.hidden, head.hiddenBias)), options);
  const products = multiply(reshape(inner, [notes, classes, width]), head.output);
  return add(sum(products, { axis: -1 }), head.outputBias);
}

function regularize(x: Tensor, { dropout: drop }: ForwardOptions): Tensor {
  return drop ? dropout(x, drop.p, drop.state, 1000) : x;
}
