/**
 * Element types. `i32` holds ids, offsets and counts; `bf16` is a storage format of weights and checkpoints; `fp8e4m3` is one of matrices
 * that only products read: e4m3 in blocks of 128 × 128 with f32 scales (fp8-layout.ts).
 */
export type DType = "f32" | "bf16" | "i32" | "fp8e4m3";

/** The floating-point ones: activations are of the device's choice (`Backend.activations`), weights and statistics f32. */
export type FloatDType = "f32" | "bf16";

/** What matrices of a model that is not trained may be stored in. */
export type MatrixDType = FloatDType | "fp8e4m3";

/** What `read` resolves to: the reference backend keeps float64, the others give what they compute in. */
export type TensorData = Float32Array | Float64Array | Int32Array;

/** What `write` accepts. Values are converted to the dtype of the destination. */
export type HostData = Float32Array | Float64Array | Int32Array | readonly number[];

/** Bytes of an element as hardware stores it, without the scales of fp8e4m3. */
export const bytesPerElement: Readonly<Record<DType, number>> = { f32: 4, bf16: 2, i32: 4, fp8e4m3: 1 };
