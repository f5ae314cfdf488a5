/** Matrices in e4m3 with a scale per block of 128 × 128: kernels/fp8.ts of the table, laid out as fp8-layout.ts says. */
import { int, pointer, shareStart } from "./arguments";
import { decodeRow, matrixBytes, scalePitch, scalesAt } from "./fp8-row";

const block: i32 = 128;

// @ts-ignore: decorator
@inline
function blocks(n: i32): i32 {
  return (n + block - 1) / block;
}

/** Largest finite magnitude of a part of x, `pitch` elements from row to row. */
function largestOf(x: usize, pitch: i32, rows: i32, columns: i32): f32 {
  let largest: f32 = 0;
  for (let r: i32 = 0; r < rows; r++) {
    for (let c: i32 = 0; c < columns; c++) {
      const size = abs<f32>(load<f32>(x + ((<usize>r * <usize>pitch + c) << 2)));
      if (size < Infinity && size > largest) largest = size;
    }
  }
  return largest;
}

function scaleFor(largest: f32): f32 {
  return largest == 0 ? 1 : max<f32>(largest / 448, <f32>1.1754943508222875e-38);
}

/** Code of x / scale: nearest, ties to even, ±448 at most; NaN for what is not finite. */
function codeOf(x: f32, scale: f32): u32 {
  if (!(abs<f32>(x) < Infinity)) return 0x7f;
  const quotient = x / scale;
  const bits = reinterpret<u32>(quotient);
  const sign = (bits >> 24) & 0x80, magnitude = bits & 0x7fffffff, size = abs<f32>(quotient);
  if (size >= 448) return sign | 0x7e;
  if (size < 0.015625) return sign | <u32>nearest<f32>(size * 512);
  return sign | (((magnitude + 0x7ffff + ((magnitude >> 20) & 1)) >> 20) - (120 << 3));
}

/** The threads share the blocks. */
export function quantizeBlocks(args: usize, thread: i32, threads: i32): void {
  const x = pointer(args, 0), rows = int(args, 2), columns = int(args, 3), firstRow = int(args, 4), matrixRows = int(args, 6);
  const start = pointer(args, 1) + <usize>int(args, 5) * matrixBytes(matrixRows, columns);
  const across = blocks(columns), count = blocks(rows) * across, pitch = scalePitch(columns);
  const scales = start + scalesAt(matrixRows, columns) + ((<usize>(firstRow / block) * <usize>pitch) << 2);
  const end = shareStart(count, thread + 1, threads, 1);
  for (let i = shareStart(count, thread, threads, 1); i < end; i++) {
    const row = (i / across) * block, column = (i % across) * block;
    const height = min(block, rows - row), width = min(block, columns - column);
    const from = x + ((<usize>row * <usize>columns + column) << 2);
    const scale = scaleFor(largestOf(from, columns, height, width));
    const to = start + <usize>(firstRow + row) * <usize>columns + column;
    for (let r: i32 = 0; r < height; r++) {
      for (let c: i32 = 0; c < width; c++) {
        const at = <usize>r * <usize>columns + c;
        store<u8>(to + at, <u8>codeOf(load<f32>(from + (at << 2)), scale));
      }
    }
    store<f32>(scales + ((<usize>(i / across) * <usize>pitch + i % across) << 2), scale);
  }
}

export function storeBlocks(args: usize, thread: i32, threads: i32): void {
  const codes = pointer(args, 0), from = pointer(args, 1), rows = int(args, 3), columns = int(args, 4);
  const firstRow = int(args, 5), matrixRows = int(args, 7);
  const start = pointer(args, 2) + <usize>int(args, 6) * matrixBytes(matrixRows, columns);
  const r0 = <usize>shareStart(rows, thread, threads, 1), r1 = <usize>shareStart(rows, thread + 1, threads, 1);
  memory.copy(start + (<usize>firstRow + r0) * columns, codes + r0 * columns, (r1 - r0) * columns);
  if (thread != 0) return;
  const across = blocks(columns), pitch = scalePitch(columns);
  const scales = start + scalesAt(matrixRows, columns) + ((<usize>(firstRow / block) * <usize>pitch) << 2);
  for (let i: i32 = 0; i < blocks(rows); i++) {
    memory.copy(scales + ((<usize>i * <usize>pitch) << 2), from + ((<usize>i * <usize>across) << 2), <usize>across << 2);
  }
}

export function dequantizeBlocks(args: usize, thread: i32, threads: i32): void {
  const x = pointer(args, 0), y = pointer(args, 1), rows = int(args, 3), columns = int(args, 4);
  const all = int(args, 2) * rows, end = shareStart(all, thread + 1, threads, 1);
  for (let line = shareStart(all, thread, threads, 1); line < end; line++) {
    const start = x + <usize>(line / rows) * matrixBytes(rows, columns), row = line % rows;
    decodeRow(start, rows, columns, row, y + ((<usize>line * <usize>columns) << 2));
  }
}
