import type { K2Config } from "./config.ts";
import { type YarnConfig, yarnMscale } from "./yarn.ts";

/** Pairs below `low` keep their frequency, those from `high` on are slowed down by the factor, in between it is mixed. */
export function yarnRange(config: K2Config, yarn: YarnConfig): { low: number; high: number } {
  const dim = config.qkRopeHeadDim;
  const pairOf = (rotations: number) =>
    (dim * Math.log(yarn.originalMaxPositionEmbeddings / (rotations * 2 * Math.PI))) / (2 * Math.log(config.ropeTheta));
  return {
    low: Math.max(Math.floor(pairOf(yarn.betaFast)), 0),
    high: Math.min(Math.ceil(pairOf(yarn.betaSlow)), dim - 1),
  };
}

/** Angular frequency of each pair: [qkRopeHeadDim / 2]. */
export function ropeFrequencies(config: K2Config): Float64Array {
  const half = config.qkRopeHeadDim / 2;
  const base = Float64Array.from({ length: half }, (_, i) => config.ropeTheta ** (-i / half));
  const yarn = config.ropeScaling;
  if (!yarn) return base;
  const { low, high } = yarnRange(config, yarn);
  return base.map((frequency, i) => {
    const ramp = Math.min(Math.max((i - low) / Math.max(high - low, 0.001), 0), 1);
    return (frequency / yarn.factor) * ramp + frequency * (1 - ramp);
  });
}

/** Cosines and sines [positions, qkRopeHeadDim / 2], computed in float64. */
export function ropeTables(config: K2Config, positions: number): { cos: Float32Array; sin: Float32Array } {
  const frequencies = ropeFrequencies(config);
  const yarn = config.ropeScaling;
  const magnitude = yarn ? yarnMscale(yarn.factor, yarn.mscale) / yarnMscale(yarn.factor, yarn.mscaleAllDim) : 1;
  const cos = new Float32Array(positions * frequencies.length);
  const sin = new Float32Array(cos.length);
  for (let position = 0; position < positions; position++) {
    for (const [i, frequency] of frequencies.entries()) {
      const at = position * frequencies.length + i;
      cos[at] = magnitude * Math.cos(position * frequency);
      sin[at] = magnitude * Math.sin(position * frequency);
    }
  }
  return { cos, sin };
}
