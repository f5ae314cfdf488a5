import { type Device, noGrad, persistent, type RopeTables, scope, type Tensor } from "@baltoro/tensor";
import type { ModelInput } from "../diagnosis/index.ts";
import { type Lookup, lookupOf, tokenize, type Vocabulary } from "../tokens/index.ts";
import { createBatch, type EncodedNote } from "./batch.ts";
import { checkConfig, type FusionConfig } from "./config.ts";
import { forward } from "./forward.ts";
import { type MeasurementScales, structure } from "./measurements.ts";
import { createWeights, type FusionWeights, type NamedParameter } from "./weights.ts";

/** All that a model is made of, besides its weights. */
export interface FusionParts {
  readonly config: FusionConfig;
  readonly vocabulary: Vocabulary;
  readonly scales: MeasurementScales;
  /** Codes whose absence from a note is a measurement of its own. */
  readonly missing: readonly string[];
}

/** A fusion model on a device. */
export interface FusionModel extends FusionParts {
  readonly device: Device;
  readonly weights: FusionWeights;
  readonly parameters: readonly NamedParameter[];
  readonly tables: RopeTables;
  encode(input: ModelInput): EncodedNote;
  /** Frees the weights; the device stays. */
  release(): void;
}

export function createFusionModel(device: Device, parts: FusionParts, seed: number): FusionModel {
  const { vocabulary, scales, missing } = parts;
  const config = checkConfig(parts.config);
  const { weights, parameters } = createWeights(device, config, scales, seed);
  const lookup: Lookup = lookupOf(vocabulary);
  const index = new Map(scales.map(({ code }, i) => [code, i]));
  const missingCodes = missing.flatMap((code) => index.get(code) ?? []);
  const tables = rotations(device, config);
  return {
    ...parts,
    ...{ device, weights, parameters, tables },
    encode: (input) => ({
      tokens: tokenize(input, lookup, config),
      structured: structure(input, scales, index, missingCodes),
    }),
    release() {
      for (const { tensor: weight } of parameters) weight.release();
      tables.cos.release();
      tables.sin.release();
    },
  };
}

/** Rotary tables of one head, base 10000 (Su et al. 2021, arXiv 2104.09864). */
function rotations(device: Device, { width, heads, maxTokens }: FusionConfig): RopeTables {
  const half = width / heads / 2;
  const table = (label: string, of: (angle: number) => number) => {
    const values = Float32Array.from({ length: maxTokens * half }, (_, i) =>
      of(Math.floor(i / half) * 10_000 ** (-(i % half) / half)),
    );
    const result = persistent(device, [maxTokens, half], "f32", label);
    result.write(values);
    return result;
  };
  return { cos: table("cosines", Math.cos), sin: table("sines", Math.sin) };
}

/** Most tokens and measurements of one pass: bounds memory, and keeps a pass short enough to be cancelled between two. */
const passTokens = 6144;

/** Cuts notes into passes, in order. */
export function passesOf(notes: readonly EncodedNote[], most = passTokens): EncodedNote[][] {
  const passes: EncodedNote[][] = [];
  let size = Number.POSITIVE_INFINITY;
  for (const note of notes) {
    const length = note.tokens.ids.length + note.structured.measurements.length;
    if (size + length > most) {
      passes.push([]);
      size = 0;
    }
    passes[passes.length - 1].push(note);
    size += length;
  }
  return passes;
}

/** Logits [N][C] of encoded notes, before calibration. A note's result does not depend on those beside it. */
export async function logitsOf(model: FusionModel, notes: readonly EncodedNote[]): Promise<number[][]> {
  const { device, weights, config, scales, tables } = model;
  const rows: number[][] = [];
  for (const pass of passesOf(notes)) {
    const values = await evaluate(device, () => {
      const batch = createBatch(device, config, scales, pass);
      return forward(weights, config, batch, { tables }).logits;
    });
    for (let n = 0; n < pass.length; n++)
      rows.push(Array.from(values.subarray(n * config.classes, (n + 1) * config.classes)));
  }
  return rows;
}

/** Runs a body without gradients and reads the one tensor that it returns. */
export async function evaluate(device: Device, body: () => Tensor): Promise<Float32Array> {
  const result = scope(device, () => noGrad(device, body));
  try {
    return Float32Array.from(await result.read());
  } finally {
    result.release();
  }
}
