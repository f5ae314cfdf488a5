export { type Batch, createBatch, type EncodedNote, withheld } from "./batch.ts";
export { checkConfig, defaultConfig, type FusionConfig, type VariantName, variantNames, variants } from "./config.ts";
export { encodeHidden, type Forward, forward } from "./forward.ts";
export { learnScales, type MeasurementScales, perCode } from "./measurements.ts";
export { createFusionModel, evaluate, type FusionModel, type FusionParts, logitsOf, passesOf } from "./model.ts";
export { type HeadOnHost, type Relevance, type RelevanceOptions, readHead, relevanceOf } from "./relevance.ts";
export type { NamedParameter } from "./weights.ts";
