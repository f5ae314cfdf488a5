import { type SafetensorsDType, safetensorsBytes } from "./format.ts";

/** Nearest bf16 (ties to even) of each value, as its 16 bits. NaN stays NaN. */
export function float32ToBfloat16(
  values: Float32Array,
  result: Uint16Array = new Uint16Array(values.length),
): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < bits.length; i++) {
    const word = bits[i];
    const notANumber = (word & 0x7fffffff) > 0x7f800000;
    result[i] = notANumber ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return result;
}

/** Exact f32 of bf16 bits. */
export function bfloat16ToFloat32(
  values: Uint16Array,
  result: Float32Array = new Float32Array(values.length),
): Float32Array {
  const words = new Uint32Array(result.buffer, result.byteOffset, result.length);
  for (let i = 0; i < values.length; i++) words[i] = values[i] << 16;
  return result;
}

/** Exact f32 of f16 bits. */
export function float16ToFloat32(
  values: Uint16Array,
  result: Float32Array = new Float32Array(values.length),
): Float32Array {
  for (let i = 0; i < values.length; i++) {
    const bits = values[i];
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >>> 10) & 31;
    const fraction = bits & 1023;
    if (exponent === 0) result[i] = sign * fraction * 2 ** -24;
    else if (exponent === 31) result[i] = fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
    else result[i] = sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  }
  return result;
}

/**
 * Values of F32, BF16 or F16 elements. The bytes begin at a multiple of the element's size in their buffer.
 *
 * @throws for other dtypes, naming the tensor.
 */
export function decodeFloats(bytes: Uint8Array, dtype: SafetensorsDType, values: Float32Array, name: string): void {
  const halves = () => new Uint16Array(bytes.buffer, bytes.byteOffset, values.length);
  if (dtype === "F32") new Uint8Array(values.buffer, values.byteOffset, values.byteLength).set(bytes);
  else if (dtype === "BF16") bfloat16ToFloat32(halves(), values);
  else if (dtype === "F16") float16ToFloat32(halves(), values);
  else {
    const scaled = dtype === "F8_E4M3" ? " without the scales that belong to it" : "";
    throw new Error(`safetensors: ${name} holds ${dtype}, which is not read as f32${scaled}`);
  }
}

/** Values of a floating-point tensor from its bytes. */
export function toFloat32(bytes: Uint8Array, dtype: SafetensorsDType, name: string): Float32Array {
  const values = new Float32Array(bytes.length / safetensorsBytes[dtype]);
  // The bytes may begin anywhere in a larger buffer.
  decodeFloats(bytes.slice(), dtype, values, name);
  return values;
}

/** Bytes of values in a storage dtype. */
export function fromFloat32(values: Float32Array, dtype: SafetensorsDType, name: string): Uint8Array {
  if (dtype === "F32") return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  if (dtype === "BF16") return new Uint8Array(float32ToBfloat16(values).buffer);
  throw new Error(`safetensors: writing ${name} as ${dtype} is not supported, use F32 or BF16`);
}
