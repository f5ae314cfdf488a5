import { float, int, pointer, shareStart } from "./arguments";
import { dot, dot4 } from "./gemm-small";
import { expRow, rowMaximum } from "./reductions";
import { addFourRows, addRow, copyRow } from "./rows";
import { scratch } from "./scratch";

export function latentCacheWrite(args: usize, thread: i32, threads: i32): void {
  const x = pointer(args, 0), slots = pointer(args, 1), cache = pointer(args, 2), rows = int(args, 3), width = int(args, 4);
  const slotCount = int(args, 5);
  const end = shareStart(rows, thread + 1, threads, 1);
  for (let r = shareStart(rows, thread, threads, 1); r < end; r++) {
    const slot = load<i32>(slots + (<usize>r << 2));
    if (slot < 0 || slot >= slotCount) continue;
    copyRow(x + ((<usize>r * <usize>width) << 2), cache + ((<usize>slot * <usize>width) << 2), width);
  }
}

/** A unit is one head of one row; its logits lie in the thread's scratch. */
export function pagedLatentAttention(args: usize, thread: i32, threads: i32): void {
  const q = pointer(args, 0), cache = pointer(args, 1), tables = pointer(args, 2), rowSequence = pointer(args, 3);
  const lengths = pointer(args, 4), out = pointer(args, 5), rows = int(args, 6), heads = int(args, 7), latent = int(args, 8);
  const width = latent + int(args, 9), blockSize = int(args, 10), maxBlocks = int(args, 11), scale = float(args, 12);
  const logits = scratch(thread);
  const end = shareStart(rows * heads, thread + 1, threads, 1);
  for (let unit = shareStart(rows * heads, thread, threads, 1); unit < end; unit++) {
    const r = unit / heads;
    const n = load<i32>(lengths + (<usize>r << 2));
    const to = out + ((<usize>unit * <usize>latent) << 2), query = q + ((<usize>unit * <usize>width) << 2);
    memory.fill(to, 0, <usize>latent << 2);
    if (n <= 0) continue;
    const table = tables + (<usize>(load<i32>(rowSequence + (<usize>r << 2)) * maxBlocks) << 2);
    latentLogits(query, cache, table, logits, n, blockSize, width, scale);
    const sum = expRow(logits, logits, n, rowMaximum(logits, n));
    addLatents(cache, table, logits, to, n, blockSize, width, latent, 1 / sum);
  }
}

/** logits[j] = scale · query · c[j] for j < n: four positions of a block at once, so that their sums do not wait for one another. */
function latentLogits(
  query: usize, cache: usize, table: usize, logits: usize, n: i32, blockSize: i32, width: i32, scale: f32,
): void {
  const stride = <usize>width << 2;
  for (let first: i32 = 0; first < n; first += blockSize) {
    const end = min(n, first + blockSize);
    let at = latentAt(cache, table, first, blockSize, width);
    let j = first;
    for (; j + 4 <= end; j += 4, at += stride << 2) {
      v128.store(logits + (<usize>j << 2), f32x4.mul(dot4(query, at, stride, width), f32x4.splat(scale)));
    }
    for (; j < end; j++, at += stride) store<f32>(logits + (<usize>j << 2), dot(query, at, width) * scale);
  }
}

/** out[0 … latent] += factor · Σ weights[j] · c[j]: four positions at once, so that out is loaded and stored a quarter as often. */
function addLatents(
  cache: usize, table: usize, weights: usize, out: usize, n: i32, blockSize: i32, width: i32, latent: i32, factor: f32,
): void {
  const stride = <usize>width << 2;
  for (let first: i32 = 0; first < n; first += blockSize) {
    const end = min(n, first + blockSize);
    let at = latentAt(cache, table, first, blockSize, width);
    let j = first;
    for (; j + 4 <= end; j += 4, at += stride << 2) addFourRows(at, stride, weights + (<usize>j << 2), out, latent, factor);
    for (; j < end; j++, at += stride) addRow(at, out, latent, load<f32>(weights + (<usize>j << 2)) * factor);
  }
}

// @ts-ignore: decorator
@inline
function latentAt(cache: usize, table: usize, j: i32, blockSize: i32, width: i32): usize {
  const block = j / blockSize;
  const slot = load<i32>(table + (<usize>block << 2)) * blockSize + (j - block * blockSize);
  return cache + ((<usize>slot * <usize>width) << 2);
}
