export { type BlockShape, dequantizeBlockRow, quantizeBlockRow, scaleShape } from "./block-scale.ts";
export { bfloat16ToFloat32, decodeFloats, float16ToFloat32, float32ToBfloat16 } from "./convert.ts";
export { e4m3Values, largestE4m3, scaleOf, toE4m3 } from "./float8.ts";
export { type SafetensorsDType, SafetensorsError, safetensorsBytes } from "./format.ts";
export { openSafetensors, type SafetensorsFile } from "./read.ts";
export { defaultShardBytes, planShards, type ShardOptions, writeShards } from "./shards.ts";
export {
  type StreamToWrite,
  storedBytes,
  syncDirectory,
  type TensorToWrite,
  writeAtomically,
  writeSafetensors,
} from "./write.ts";
