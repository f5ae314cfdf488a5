import { type Device, normal, parameter, type Tensor } from "@baltoro/tensor";
import type { FusionConfig } from "./config.ts";
import { beside, deviationKnots, type MeasurementScales, perCode, stateRows, valueKnots } from "./measurements.ts";

/** How a parameter begins: normal of this deviation, or a constant. */
type Start = { readonly deviation: number } | { readonly value: number };

export interface NamedParameter {
  readonly name: string;
  readonly tensor: Tensor;
  readonly group: "muon" | "adamw";
  /** Of pre-training only: not part of what is saved. */
  readonly pretraining: boolean;
}

interface Norm {
  readonly weight: Tensor;
  readonly bias: Tensor;
}

export interface LayerWeights {
  readonly attentionNorm: Norm;
  readonly query: Tensor;
  readonly key: Tensor;
  readonly value: Tensor;
  readonly output: Tensor;
  readonly feedForwardNorm: Norm;
  readonly gate: Tensor;
  readonly up: Tensor;
  readonly down: Tensor;
  readonly infusion?: {
    /** [1, 2D]: how much of the structured features this note takes in here. */
    readonly strength: Tensor;
    readonly strengthBias: Tensor;
    /** [D, D] each: FiLM's factor and shift, and the shift at a number's own place. */
    readonly scale: Tensor;
    readonly shift: Tensor;
    readonly local: Tensor;
  };
}

export interface FusionWeights {
  readonly text?: {
    readonly tokens: Tensor;
    readonly words?: Tensor;
    readonly layers: readonly LayerWeights[];
    readonly norm: Norm;
    readonly transform: Tensor;
  };
  readonly structured?: {
    /** [rows of `encodingWidth`, D] */
    readonly encoding: Tensor;
    readonly up: Tensor;
    readonly upBias: Tensor;
    readonly down: Tensor;
    readonly norm: Norm;
    readonly vectorUp: Tensor;
    readonly vectorBias: Tensor;
    readonly vectorDown: Tensor;
    readonly vectorNorm: Norm;
    /** [D, D]: a number's measurement at the place of its placeholder. Only where it is infused. */
    readonly place?: Tensor;
  };
  readonly head: {
    /** [C, D], of attentive fusion. */
    readonly queries?: Tensor;
    /** [C, D]: what each token and measurement adds to a logit. */
    readonly evidence?: Tensor;
    readonly hidden: Tensor;
    readonly hiddenBias: Tensor;
    /** [C, D] */
    readonly output: Tensor;
    readonly outputBias: Tensor;
  };
}

/** Columns of a measurement's encoding: code, states, value between its knots, deviation between its. */
export function encodingWidth(scales: MeasurementScales): number {
  return scales.length * (1 + valueKnots + deviationKnots.length) + stateRows.count;
}

/** Makes the parameters of a model with first values drawn from the seed, the same on every device. */
export function createWeights(
  device: Device,
  config: FusionConfig,
  scales: MeasurementScales,
  seed: number,
): { readonly weights: FusionWeights; readonly parameters: readonly NamedParameter[] } {
  const parameters: NamedParameter[] = [];
  const make = (name: string, shape: readonly number[], start: Start, group: "muon" | "adamw" = "adamw") => {
    const tensor = parameter(device, shape, name);
    if ("value" in start) tensor.write(new Float32Array(tensor.size).fill(start.value));
    else tensor.write(normal(seed, parameters.length, tensor.size, start.deviation));
    parameters.push({ name, tensor, group, pretraining: name.startsWith("pretraining.") });
    return tensor;
  };
  const { width, feedForward, modalities, infusion } = config;
  const matrix = (name: string, rows: number, columns: number, gain = 1) =>
    make(name, [rows, columns], { deviation: gain / Math.sqrt(columns) }, "muon");
  const table = (name: string, rows: number, deviation: number) => make(name, [rows, width], { deviation });
  const zeros = (name: string, size: number, value = 0) => make(name, [size], { value });
  const norm = (name: string): Norm => ({
    weight: zeros(`${name}.weight`, width, 1),
    bias: zeros(`${name}.bias`, width),
  });
  // Residual branches begin small, so that their sum does not grow with depth.
  const branch = 1 / Math.sqrt(2 * config.layers);
  const layer = (name: string): LayerWeights => ({
    attentionNorm: norm(`${name}.attention_norm`),
    query: matrix(`${name}.query`, width, width),
    key: matrix(`${name}.key`, width, width),
    value: matrix(`${name}.value`, width, width),
    output: matrix(`${name}.output`, width, width, branch),
    feedForwardNorm: norm(`${name}.feed_forward_norm`),
    gate: matrix(`${name}.gate`, feedForward, width),
    up: matrix(`${name}.up`, feedForward, width),
    down: matrix(`${name}.down`, width, feedForward, branch),
    ...(infusion && {
      infusion: {
        strength: make(`${name}.infusion.strength`, [1, 2 * width], { deviation: 0.02 }),
        strengthBias: zeros(`${name}.infusion.strength_bias`, 1),
        scale: matrix(`${name}.infusion.scale`, width, width, 0.1),
        shift: matrix(`${name}.infusion.shift`, width, width, 0.3),
        local: matrix(`${name}.infusion.local`, width, width, 0.3),
      },
    }),
  });
  const text = modalities !== "structured" && {
    text: {
      tokens: table("text.tokens", config.tokens, 0.1),
      ...(config.words > 0 && { words: table("text.words", config.words, 0.1) }),
      layers: Array.from({ length: config.layers }, (_, i) => layer(`text.layers.${i}`)),
      norm: norm("text.norm"),
      transform: matrix("pretraining.transform", width, width),
    },
  };
  const vectorWidth = scales.length * perCode + beside;
  const structured = modalities !== "text" && {
    structured: {
      encoding: table("structured.encoding", encodingWidth(scales), 0.2),
      up: matrix("structured.up", 2 * width, width),
      upBias: zeros("structured.up_bias", 2 * width),
      down: matrix("structured.down", width, 2 * width, branch),
      norm: norm("structured.norm"),
      vectorUp: matrix("structured.vector_up", 2 * width, vectorWidth, 2),
      vectorBias: zeros("structured.vector_bias", 2 * width),
      vectorDown: matrix("structured.vector_down", width, 2 * width),
      vectorNorm: norm("structured.vector_norm"),
      ...(infusion && { place: matrix("structured.place", width, width, 0.3) }),
    },
  };
  const concatenated = config.fusion === "concatenation" && modalities === "both" ? 2 * width : width;
  return {
    weights: {
      ...text,
      ...structured,
      head: {
        ...(config.fusion === "attention" && { queries: table("head.queries", config.classes, 1 / Math.sqrt(width)) }),
        ...(config.evidence && { evidence: table("head.evidence", config.classes, 0.02) }),
        hidden: matrix("head.hidden", width, concatenated),
        hiddenBias: zeros("head.hidden_bias", width),
        output: table("head.output", config.classes, 1 / Math.sqrt(width)),
        outputBias: zeros("head.output_bias", config.classes),
      },
    },
    parameters,
  };
}
