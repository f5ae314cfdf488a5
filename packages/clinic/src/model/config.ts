import { diseases } from "../diagnosis/index.ts";

/** Sizes and parts of a fusion model. Shape letters of this folder: N notes, T tokens of all notes, M measurements, D width, C diseases. */
export interface FusionConfig {
  readonly schema: "baltoro.clinic-fusion/1";
  /** Which inputs the model sees. */
  readonly modalities: "both" | "text" | "structured";
  /** placeholder: an extracted number is a token of its code. text: it stays in the text as written. */
  readonly numbers: "placeholder" | "text";
  /** Adaptive feature infusion: structured features gated into every layer of the text encoder. Off without both modalities. */
  readonly infusion: boolean;
  /** attention: class queries over tokens and measurements. concatenation: the note's first token beside the structured vector. */
  readonly fusion: "attention" | "concatenation";
  /** Beside attentive fusion, whose weights sum to one: evidence that adds up over tokens and measurements. */
  readonly evidence: boolean;
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly feedForward: number;
  readonly maxTokens: number;
  /** Labels per note: those of `diseases`, unless it is for research on other labels. */
  readonly classes: number;
  readonly tokens: number;
  readonly words: number;
}

export const defaultConfig: Omit<FusionConfig, "tokens" | "words"> = {
  schema: "baltoro.clinic-fusion/1",
  modalities: "both",
  numbers: "placeholder",
  infusion: true,
  fusion: "attention",
  evidence: false,
  width: 96,
  layers: 3,
  heads: 3,
  feedForward: 192,
  maxTokens: 384,
  classes: diseases.length,
};

export const variants = {
  fusion: {},
  text: { modalities: "text", infusion: false },
  structured: { modalities: "structured", infusion: false },
  concatenation: { infusion: false, fusion: "concatenation" },
  "numbers-as-text": { modalities: "text", numbers: "text", infusion: false },
  "without-infusion": { infusion: false },
  "without-attention": { fusion: "concatenation" },
} as const satisfies Record<string, Partial<FusionConfig>>;

/** The fusion model, and what it is compared with: same code, same training, parts switched off. */
export type VariantName = keyof typeof variants;

export const variantNames = Object.keys(variants) as VariantName[];

/** @throws if sizes do not fit together, naming the field and the limit. */
export function checkConfig(config: FusionConfig, where = "fusion model"): FusionConfig {
  const fail = (why: string): never => {
    throw new Error(`${where}: ${why}`);
  };
  if (config.schema !== defaultConfig.schema)
    fail(`schema is ${JSON.stringify(config.schema)}, expected ${defaultConfig.schema}`);
  for (const name of ["width", "layers", "heads", "feedForward", "maxTokens", "classes", "tokens"] as const) {
    const value = config[name];
    if (!Number.isInteger(value) || value < 1) fail(`${name} is ${value}, expected a whole number above 0`);
  }
  if (!Number.isInteger(config.words) || config.words < 0) fail(`words is ${config.words}, expected a count`);
  if (config.width % (4 * config.heads) !== 0)
    fail(`width ${config.width} must be a multiple of 4 × heads (${config.heads})`);
  if (!["both", "text", "structured"].includes(config.modalities)) fail(`modalities is ${config.modalities}`);
  if (!["placeholder", "text"].includes(config.numbers)) fail(`numbers is ${config.numbers}`);
  if (!["attention", "concatenation"].includes(config.fusion)) fail(`fusion is ${config.fusion}`);
  if (config.evidence && config.fusion !== "attention") fail("evidence adds up beside attentive fusion only");
  if (config.infusion && config.modalities !== "both") fail("infusion needs both modalities");
  return config;
}
