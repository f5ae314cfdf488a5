import { float, int, pointer, shareStart } from "./arguments";

/** One word of a Philox4x32-10 block: counter (block, stream, c2, c3). */
function philoxWord(state: usize, block: u32, stream: u32, word: i32): u32 {
  let k0 = load<u32>(state), k1 = load<u32>(state, 4);
  let c0 = block, c1 = stream, c2 = load<u32>(state, 8), c3 = load<u32>(state, 12);
  for (let round: i32 = 0; round < 10; round++) {
    const p0 = <u64>0xd2511f53 * <u64>c0, p1 = <u64>0xcd9e8d57 * <u64>c2;
    const n0 = <u32>(p1 >> 32) ^ c1 ^ k0, n2 = <u32>(p0 >> 32) ^ c3 ^ k1;
    c1 = <u32>p1;
    c3 = <u32>p0;
    c0 = n0;
    c2 = n2;
    k0 += 0x9e3779b9;
    k1 += 0xbb67ae85;
  }
  return word == 0 ? c0 : word == 1 ? c1 : word == 2 ? c2 : c3;
}

// @ts-ignore: decorator
@inline
function uniformAt(state: usize, stream: i32, i: i32): f32 {
  return <f32>(philoxWord(state, <u32>(i >> 2), <u32>stream, i & 3) >> 8) * <f32>(1.0 / 16777216.0);
}

export function randomUniform(args: usize, thread: i32, threads: i32): void {
  const state = pointer(args, 0), y = pointer(args, 1), n = int(args, 2), stream = int(args, 3);
  const end = shareStart(n, thread + 1, threads, 16);
  for (let i = shareStart(n, thread, threads, 16); i < end; i++) store<f32>(y + (<usize>i << 2), uniformAt(state, stream, i));
}

export function dropout(args: usize, thread: i32, threads: i32): void {
  const x = pointer(args, 0), state = pointer(args, 1), y = pointer(args, 2), n = int(args, 3), stream = int(args, 4);
  const p = float(args, 5), add = int(args, 6) != 0;
  const end = shareStart(n, thread + 1, threads, 16);
  for (let i = shareStart(n, thread, threads, 16); i < end; i++) {
    const at = <usize>i << 2;
    const value: f32 = uniformAt(state, stream, i) >= p ? load<f32>(x + at) / (1 - p) : 0;
    store<f32>(y + at, add ? load<f32>(y + at) + value : value);
  }
}
