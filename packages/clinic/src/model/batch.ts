import type { Device, Tensor } from "@baltoro/tensor";
import { tensor } from "@baltoro/tensor";
import type { TokenizedNote } from "../tokens/index.ts";
import type { FusionConfig } from "./config.ts";
import {
  type Measurement,
  type MeasurementScales,
  type StructuredNote,
  stateRows,
  valueKnots,
} from "./measurements.ts";
import { encodingWidth } from "./weights.ts";

/** A note ready for the model. */
export interface EncodedNote {
  readonly tokens: TokenizedNote;
  readonly structured: StructuredNote;
  /** [C] log-odds that another model gives: this one is trained on what they leave. */
  readonly prior?: readonly number[];
}

/** Notes laid one after another, without padding: T tokens, M measurements, N notes. */
export interface Batch {
  readonly notes: number;
  /** i32 [T] each. */
  readonly tokens: Tensor;
  readonly words: Tensor;
  readonly positions: Tensor;
  /** i32 [T]: the note of a token. */
  readonly owners: Tensor;
  /** i32 [1, T]: the same, as attention wants it. */
  readonly documents: Tensor;
  /** i32 [N]: rows of the first tokens. */
  readonly firsts: Tensor;
  /** i32 [T]: the measurement of a placeholder, −1 for other tokens. */
  readonly places: Tensor;
  /** f32 [M, encodingWidth] */
  readonly encodings: Tensor;
  /** f32 [N, M]: 1 / count at a note's own measurements. */
  readonly pooling: Tensor;
  /** f32 [N, codes · perCode + beside] */
  readonly vectors: Tensor;
  /** Rows of all that a note's class queries look at, padded to the longest: i32 [N · L], rows as in `contextLayout`. */
  readonly context: Tensor;
  readonly contextLength: number;
  /** f32 [N, C, L]: 0, or −1e9 at padding. */
  readonly contextMask: Tensor;
  /** f32 [N, C], where any note has one. */
  readonly prior?: Tensor;
  readonly layout: readonly ContextLayout[];
}

/** Where a note's parts lie in its row of the context: its tokens, its measurements, its structured vector. */
export interface ContextLayout {
  readonly tokens: number;
  readonly measurements: readonly Measurement[];
}

const noMeasurement: Measurement = {
  item: -1,
  code: -1,
  states: [stateRows.dropped, -1, -1],
  value: [-1, 0],
  deviation: [-1, 0],
};

/** What stands where structured input is withheld in training. */
export function withheld({ vector }: StructuredNote): StructuredNote {
  return { measurements: [noMeasurement], vector: new Float32Array(vector.length) };
}

/** Sends notes to the device. `ids` and `words` replace those of the notes, where some tokens are hidden. */
export function createBatch(
  device: Device,
  config: FusionConfig,
  scales: MeasurementScales,
  notes: readonly EncodedNote[],
): Batch {
  const withText = config.modalities !== "structured";
  const withStructure = config.modalities !== "text";
  const count = notes.length;
  const lengths = notes.map(({ tokens }) => (withText ? tokens.ids.length : 0));
  const lists = notes.map(({ structured }) =>
    !withStructure ? [] : structured.measurements.length > 0 ? structured.measurements : [noMeasurement],
  );
  const T = sum(lengths);
  const M = sum(lists.map((list) => list.length));
  const columns = encodingWidth(scales);
  const [tokens, words, positions, owners, places] = Array.from({ length: 5 }, () => new Int32Array(T));
  const firsts = new Int32Array(count);
  const encodings = new Float32Array(M * columns);
  const pooling = new Float32Array(count * M);
  const vectorWidth = notes[0].structured.vector.length;
  const vectors = new Float32Array(count * vectorWidth);
  const own = withStructure ? 1 : 0;
  const contextLength = Math.max(...notes.map((_, n) => lengths[n] + lists[n].length + own));
  const context = new Int32Array(count * contextLength).fill(-1);
  const contextMask = new Float32Array(count * config.classes * contextLength).fill(-1e9);
  let token = 0;
  let measurement = 0;
  for (const [n, note] of notes.entries()) {
    const { tokens: text, structured } = note;
    firsts[n] = token;
    const ofItem = new Map(lists[n].map(({ item }, i) => [item, measurement + i]));
    const at = n * contextLength;
    for (let i = 0; i < lengths[n]; i++, token++) {
      tokens[token] = text.ids[i];
      words[token] = text.words[i];
      positions[token] = i;
      owners[token] = n;
      places[token] = text.items[i] < 0 ? -1 : (ofItem.get(text.items[i]) ?? -1);
      context[at + i] = token;
    }
    for (const [i, one] of lists[n].entries()) {
      encode(encodings, measurement * columns, one, scales.length);
      pooling[n * M + measurement] = 1 / lists[n].length;
      context[at + lengths[n] + i] = T + measurement++;
    }
    if (withStructure) context[at + lengths[n] + lists[n].length] = T + M + n;
    const used = lengths[n] + lists[n].length + own;
    for (let c = 0; c < config.classes; c++) {
      const row = (n * config.classes + c) * contextLength;
      contextMask.fill(0, row, row + used);
    }
    vectors.set(structured.vector, n * vectorWidth);
  }
  const ints = (values: Int32Array, shape: readonly number[] = [values.length]) => tensor(device, values, shape, "i32");
  return {
    notes: count,
    tokens: ints(tokens),
    words: ints(words),
    positions: ints(positions),
    owners: ints(owners),
    documents: ints(owners, [1, T]),
    firsts: ints(firsts),
    places: ints(places),
    encodings: tensor(device, encodings, [M, columns]),
    pooling: tensor(device, pooling, [count, M]),
    vectors: tensor(device, vectors, [count, vectorWidth]),
    context: ints(context),
    contextLength,
    contextMask: tensor(device, contextMask, [count, config.classes, contextLength]),
    ...(notes.some(({ prior }) => prior) && {
      prior: tensor(
        device,
        Float32Array.from(notes.flatMap(({ prior }) => prior ?? new Array<number>(config.classes).fill(0))),
        [count, config.classes],
      ),
    }),
    layout: lists.map((measurements, n) => ({ tokens: lengths[n], measurements })),
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** A measurement as a row of shares: piecewise linear between knots (Gorishniy et al. 2022, arXiv 2203.05556). */
function encode(
  target: Float32Array,
  at: number,
  { code, states, value, deviation }: Measurement,
  codes: number,
): void {
  if (code >= 0) target[at + code] = 1;
  for (const state of states) if (state >= 0) target[at + codes + state] = 1;
  const values = at + codes + stateRows.count;
  const deviations = values + codes * valueKnots;
  for (const [start, [lower, share]] of [
    [values, value],
    [deviations, deviation],
  ] as const) {
    if (lower < 0) continue;
    target[start + lower] = 1 - share;
    if (share > 0) target[start + lower + 1] = share;
  }
}
