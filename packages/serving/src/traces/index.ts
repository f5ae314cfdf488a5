export { TraceError } from "./errors.ts";
export { generateTrace } from "./generate.ts";
export { checkParameters, parameterPresets, type TraceParameters } from "./parameters.ts";
export { lognormal, type Quantiles, quantileAt, quantileMean, quantileShares, quantilesOf } from "./quantiles.ts";
export { type Random, seededRandom, uniformAt } from "./random.ts";
export type { Trace, TraceInfo, TraceRequest } from "./types.ts";
