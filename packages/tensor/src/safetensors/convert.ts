import type { SafetensorsDType } from "./format.ts";

/** Nearest bf16 (ties to even) of each value, as its 16 bits. NaN stays NaN. */
export function float32ToBfloat16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const result = new Uint16Array(values.length);
  for (let i = 0; i < bits.length; i++) {
    const word = bits[i];
    const notANumber = (word & 0x7fffffff) > 0x7f800000;
    result[i] = notANumber ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return result;
}

/** Exact f32 of bf16 bits. */
export function bfloat16ToFloat32(values: Uint16Array): Float32Array {
  const words = new Uint32Array(values.length);
  for (let i = 0; i < values.length; i++) words[i] = values[i] << 16;
  return new Float32Array(words.buffer);
}

/** Exact f32 of f16 bits. */
export function float16ToFloat32(values: Uint16Array): Float32Array {
  return Float32Array.from(values, (bits) => {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >>> 10) & 31;
    const fraction = bits & 1023;
    if (exponent === 0) return sign * fraction * 2 ** -24;
    if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
    return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  });
}

/** Values of a floating-point tensor from its bytes. */
export function toFloat32(bytes: Uint8Array, dtype: SafetensorsDType, name: string): Float32Array {
  // The bytes may begin anywhere in a larger buffer: typed arrays need their own alignment.
  const aligned = bytes.slice().buffer;
  if (dtype === "F32") return new Float32Array(aligned);
  if (dtype === "BF16") return bfloat16ToFloat32(new Uint16Array(aligned));
  if (dtype === "F16") return float16ToFloat32(new Uint16Array(aligned));
  throw new Error(`safetensors: ${name} holds ${dtype}, which is not read as f32`);
}

/** Bytes of values in a storage dtype. */
export function fromFloat32(values: Float32Array, dtype: SafetensorsDType, name: string): Uint8Array {
  if (dtype === "F32") return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  if (dtype === "BF16") return new Uint8Array(float32ToBfloat16(values).buffer);
  throw new Error(`safetensors: writing ${name} as ${dtype} is not supported, use F32 or BF16`);
}
