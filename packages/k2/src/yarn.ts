/** YaRN context extension (Peng et al. 2023, arXiv 2309.00071) as DeepSeek-V3 and K2 use it. */
export interface YarnConfig {
  readonly factor: number;
  readonly betaFast: number;
  readonly betaSlow: number;
  readonly mscale: number;
  readonly mscaleAllDim: number;
  readonly originalMaxPositionEmbeddings: number;
}

/** Reads rope_scaling / rope_parameters. Null where there is no scaling. */
export function parseYarn(fields: Readonly<Record<string, unknown>>, source: string): YarnConfig | null {
  const type = fields["type"] ?? fields["rope_type"] ?? "default";
  if (type === "default") return null;
  if (type !== "yarn") throw new Error(`${source}: rope_scaling type is ${JSON.stringify(type)}, supported is "yarn"`);
  const number = (name: string, fallback?: number): number => {
    const value = fields[name] ?? fallback;
    if (typeof value !== "number")
      throw new Error(`${source}: rope_scaling.${name} is ${JSON.stringify(value)}, expected a number`);
    return value;
  };
  return {
    factor: number("factor"),
    betaFast: number("beta_fast", 32),
    betaSlow: number("beta_slow", 1),
    mscale: number("mscale", 1),
    mscaleAllDim: number("mscale_all_dim", 0),
    originalMaxPositionEmbeddings: number("original_max_position_embeddings"),
  };
}

/** 0.1 · mscale · ln(factor) + 1: how much attention is sharpened for a longer context. */
export function yarnMscale(factor: number, mscale: number): number {
  return factor <= 1 ? 1 : 0.1 * mscale * Math.log(factor) + 1;
}
