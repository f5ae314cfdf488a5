export { type AdamWOptions, adamW } from "./adamw.ts";
export { type MuonOptions, muon } from "./muon.ts";
export {
  type MuonClip,
  type MuonClipOptions,
  type MuonClipState,
  muonClip,
  type UpdateAcrossRanks,
} from "./muon-clip.ts";
export {
  type NewtonSchulzCoefficients,
  type NewtonSchulzVariant,
  newtonSchulz,
  newtonSchulzVariants,
} from "./newton-schulz.ts";
export type { OptimizedParameter, Optimizer, StepScalars } from "./optimizer.ts";
export { type ClippedAttention, type ClippedRows, qkClip } from "./qk-clip.ts";
