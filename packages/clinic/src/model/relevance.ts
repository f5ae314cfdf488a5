import { backward, type Device, noGrad, parameter, scope, type Tensor, tensor } from "@baltoro/tensor";
import type { ModelInput } from "../diagnosis/index.ts";
import { type ContextLayout, createBatch, type EncodedNote } from "./batch.ts";
import { evidenceScale, forward, type Gates } from "./forward.ts";
import { perCode } from "./measurements.ts";
import type { FusionModel } from "./model.ts";

/**
 * What speaks for each disease: the first-order change of its log-odds when a part is not looked at in the last layer, sign turned. For the leading
 * disease the gradient of its log-odds through the whole network, times the input, is added. It ranks parts; how much each moves is for a deletion to
 * say.
 */
export interface Relevance {
  /** [C][text.length]: of each UTF-16 unit; a token's share is spread over its span. */
  readonly text: readonly Float32Array[];
  /** [C][items.length] */
  readonly items: readonly Float32Array[];
  /** [C] of the same pass, before calibration. */
  readonly logits: readonly number[];
}

export interface RelevanceOptions {
  /** Whether the leading disease's gradient is asked for, which makes the pass three times as long. Default true. */
  readonly gradient?: boolean;
}

/** The last layers' weights, for gradients of a few vectors on the host. */
export interface HeadOnHost {
  readonly hidden: Float32Array;
  readonly hiddenBias: Float32Array;
  readonly output: Float32Array;
  readonly evidence?: Float32Array;
}

export async function readHead({ weights: { head } }: FusionModel): Promise<HeadOnHost> {
  const read = async (tensor: Tensor) => Float32Array.from(await tensor.read());
  const [hidden, hiddenBias, output] = await Promise.all([head.hidden, head.hiddenBias, head.output].map(read));
  return { hidden, hiddenBias, output, ...(head.evidence && { evidence: await read(head.evidence) }) };
}

/** A disease's logit as the calibrated log-odds: scale · logit + bias; null for one that was not learned. */
type Calibrated = { readonly scale: number; readonly bias: number } | null;

/**
 * Relevance of each token and measurement: attention · ⟨∂logit/∂gathered, x − gathered⟩ and the evidence that it adds, and for the leading
 * disease ⟨∂logit/∂input, input⟩, of tokens beside the note's mean token. A forward and a backward pass. undefined where the model has no
 * attentive fusion.
 */
export async function relevanceOf(
  model: FusionModel,
  head: HeadOnHost,
  calibration: readonly Calibrated[],
  input: ModelInput,
  { gradient = true }: RelevanceOptions = {},
): Promise<Relevance | undefined> {
  const { device, weights, config, scales, tables } = model;
  if (config.fusion !== "attention") return undefined;
  const { hostView } = device.backend;
  if (!hostView)
    throw new Error("relevance: which disease leads is asked within a pass, which only the CPU device answers");
  const note = model.encode(input);
  const gates = gradient ? openGates(device, note) : undefined;
  try {
    let layout: ContextLayout = { tokens: 0, measurements: [] };
    let leading = -1;
    let raw: number[] = [];
    const { attention, context } = scope(device, () => {
      const batch = createBatch(device, config, scales, [note]);
      layout = batch.layout[0];
      const run = () => forward(weights, config, batch, { tables, ...(gates && { gates }) });
      const result = gates ? run() : noGrad(device, run);
      raw = Array.from(hostView(result.logits.buffer, "f32", config.classes));
      leading = gates ? leadingOf(raw, calibration) : -1;
      if (leading >= 0) {
        const seed = raw.map((_, c) => (c === leading ? 1 : 0));
        backward(result.logits, tensor(device, seed, [1, config.classes]));
      }
      return { attention: result.attention as Tensor, context: result.context as Tensor };
    });
    const [looks, seen] = await Promise.all([attention.read(), context.read()]);
    attention.release();
    context.release();
    const length = looks.length / config.classes;
    const text = Array.from({ length: config.classes }, () => new Float32Array(input.text.length));
    const items = Array.from({ length: config.classes }, () => new Float32Array(input.items.length));
    for (let c = 0; c < config.classes; c++) {
      const scale = calibration[c]?.scale ?? 0;
      const shares = contributions(looks.subarray(c * length, (c + 1) * length), seen, head, c, config.width);
      for (let i = 0; i < length; i++) give(shares[i] * scale, i, note, layout, text[c], items[c]);
      if (gates && c === leading) await byGradient(gates, scale, note, layout, text[c], items[c]);
    }
    return { text, items, logits: raw };
  } finally {
    for (const gate of gates ? [gates.tokens, gates.measurements, gates.vectors] : []) gate.release();
  }
}

/** Ones for every input of a note, whose gradients are wanted. A note without measurements has one row that stands for that. */
function openGates(device: Device, { tokens, structured }: EncodedNote): Gates {
  const ones = (rows: number, columns: number, label: string) => {
    const gate = parameter(device, [rows, columns], label);
    gate.write(new Float32Array(rows * columns).fill(1));
    return gate;
  };
  return {
    tokens: ones(tokens.ids.length, 1, "gates of tokens"),
    measurements: ones(Math.max(structured.measurements.length, 1), 1, "gates of measurements"),
    vectors: ones(1, structured.vector.length, "gates of the note's vector"),
  };
}

/** The disease of the highest calibrated log-odds, −1 where none was learned. */
function leadingOf(logits: readonly number[], calibration: readonly Calibrated[]): number {
  let leading = -1;
  let most = Number.NEGATIVE_INFINITY;
  for (const [c, one] of calibration.entries()) {
    const odds = one ? one.scale * logits[c] + one.bias : Number.NEGATIVE_INFINITY;
    if (odds > most) [leading, most] = [c, odds];
  }
  return leading;
}

/** Gives each input its gradient times itself; a code's part of the note's vector goes to the values of that code. */
async function byGradient(
  gates: Gates,
  scale: number,
  note: EncodedNote,
  layout: ContextLayout,
  text: Float32Array,
  items: Float32Array,
): Promise<void> {
  const read = async ({ grad }: Tensor) => (grad ? await grad.read() : undefined);
  const [tokens, measurements, vectors] = await Promise.all([
    read(gates.tokens),
    read(gates.measurements),
    read(gates.vectors),
  ]);
  const counts = new Map<number, number>();
  for (const { item, code } of note.structured.measurements)
    if (item >= 0) counts.set(code, (counts.get(code) ?? 0) + 1);
  for (let i = 0; tokens && i < layout.tokens; i++) give(tokens[i] * scale, i, note, layout, text, items);
  for (const [i, { item, code }] of note.structured.measurements.entries()) {
    if (item < 0) continue;
    const same = counts.get(code) ?? 1;
    let share = measurements ? measurements[i] : 0;
    for (let k = 0; vectors && k < perCode; k++) share += vectors[code * perCode + k] / same;
    items[item] += share * scale;
  }
}

/** Of one disease: each looked-at row's share of the logit. */
function contributions(
  looks: ArrayLike<number>,
  seen: ArrayLike<number>,
  { hidden, hiddenBias, output, evidence }: HeadOnHost,
  disease: number,
  width: number,
): Float64Array {
  const gathered = new Float64Array(width);
  for (let i = 0; i < looks.length; i++) for (let d = 0; d < width; d++) gathered[d] += looks[i] * seen[i * width + d];
  const slope = new Float64Array(width);
  for (let h = 0; h < width; h++) {
    let inner = hiddenBias[h];
    for (let d = 0; d < width; d++) inner += hidden[h * width + d] * gathered[d];
    const factor = output[disease * width + h] * geluSlope(inner);
    for (let d = 0; d < width; d++) slope[d] += factor * hidden[h * width + d];
  }
  return Float64Array.from({ length: looks.length }, (_, i) => {
    let product = 0;
    for (let d = 0; d < width; d++) product += slope[d] * (seen[i * width + d] - gathered[d]);
    let sum = looks[i] * product;
    if (evidence)
      for (let d = 0; d < width; d++) sum += (evidence[disease * width + d] * seen[i * width + d]) / evidenceScale;
    return sum;
  });
}

/** d/dx of x · Φ(x) in its tanh form. */
function geluSlope(x: number): number {
  const [a, b] = [Math.sqrt(2 / Math.PI), 0.044715];
  const t = Math.tanh(a * (x + b * x ** 3));
  return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * a * (1 + 3 * b * x * x);
}

/** Gives a row's share to the text that it stands for, or to the item. */
function give(
  share: number,
  row: number,
  { tokens }: EncodedNote,
  layout: ContextLayout,
  text: Float32Array,
  items: Float32Array,
): void {
  if (row >= layout.tokens) {
    const item = layout.measurements[row - layout.tokens]?.item ?? -1;
    if (item >= 0) items[item] += share;
    return;
  }
  const item = tokens.items[row];
  if (item >= 0) items[item] += share;
  const [start, end] = [tokens.starts[row], tokens.ends[row]];
  for (let i = start; i < end; i++) text[i] += share / (end - start);
}
