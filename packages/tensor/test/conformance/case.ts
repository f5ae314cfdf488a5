export type Values = Float32Array | Int32Array;
export type Arguments = Readonly<Record<string, Values | number | null>>;

/** A call of a kernel: its arguments, buffers by their values. */
export interface Case {
  readonly args: Arguments;
  /** Outputs to compare, by default every `out` and `inout`. */
  readonly compare?: readonly string[];
}

/** Cases by kernel, drawn when they are asked for. */
export type Cases<K extends string> = { readonly [P in K]: () => readonly Case[] };

export const isBuffer = (value: unknown): value is Values =>
  value instanceof Float32Array || value instanceof Int32Array;
