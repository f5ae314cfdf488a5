import { noGrad, scope, type Tensor } from "@baltoro/tensor";
import type { ModelInput } from "../diagnosis/index.ts";
import { type ContextLayout, createBatch, type EncodedNote } from "./batch.ts";
import { evidenceScale, forward } from "./forward.ts";
import type { FusionModel } from "./model.ts";

/** What speaks for each disease, in log-odds: the first-order change when it is not looked at, sign turned. */
export interface Relevance {
  /** [C][text.length]: of each UTF-16 unit; a token's share is spread over its span. */
  readonly text: readonly Float32Array[];
  /** [C][items.length] */
  readonly items: readonly Float32Array[];
  /** [C] of the same pass, before calibration. */
  readonly logits: readonly number[];
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

/**
 * For each disease and each token and measurement that its query looks at: attention · ⟨∂logit/∂gathered, x − gathered⟩, and the evidence
 * that it adds. One forward pass. `factors` turn each disease's logits into calibrated ones. undefined where the model has no attentive fusion.
 */
export async function relevanceOf(
  model: FusionModel,
  head: HeadOnHost,
  factors: readonly number[],
  input: ModelInput,
): Promise<Relevance | undefined> {
  const { device, weights, config, scales, tables } = model;
  if (config.fusion !== "attention") return undefined;
  const note = model.encode(input);
  let layout: ContextLayout = { tokens: 0, measurements: [] };
  const { attention, context, logits } = scope(device, () =>
    noGrad(device, () => {
      const batch = createBatch(device, config, scales, [note]);
      layout = batch.layout[0];
      const result = forward(weights, config, batch, { tables });
      return { attention: result.attention as Tensor, context: result.context as Tensor, logits: result.logits };
    }),
  );
  const [looks, seen, raw] = await Promise.all([attention.read(), context.read(), logits.read()]);
  attention.release();
  context.release();
  logits.release();
  const length = looks.length / config.classes;
  const text = Array.from({ length: config.classes }, () => new Float32Array(input.text.length));
  const items = Array.from({ length: config.classes }, () => new Float32Array(input.items.length));
  for (let c = 0; c < config.classes; c++) {
    const shares = contributions(looks.subarray(c * length, (c + 1) * length), seen, head, c, config.width);
    for (let i = 0; i < length; i++) give(shares[i] * factors[c], i, note, layout, text[c], items[c]);
  }
  return { text, items, logits: Array.from(raw).slice(0, config.classes) };
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
