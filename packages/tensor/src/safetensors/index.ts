export { bfloat16ToFloat32, float16ToFloat32, float32ToBfloat16 } from "./convert.ts";
export { type SafetensorsDType, SafetensorsError } from "./format.ts";
export { openSafetensors, type SafetensorsFile } from "./read.ts";
export { type TensorToWrite, writeAtomically, writeSafetensors } from "./write.ts";
