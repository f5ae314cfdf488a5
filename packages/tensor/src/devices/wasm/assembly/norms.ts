import { float, int, pointer, shareStart } from "./arguments";
import { horizontal } from "./gemm-small";

export function rmsNormForward(args: usize, thread: i32, threads: i32): void {
  const x = pointer(args, 0),
    weight = pointer(args, 1),
    y = pointer(args, 2),
    rstd = pointer(args, 3);
  const rows = int(args, 4),
    dim = int(args, 5),
    eps = float(args, 6);
  const end = shareStart(rows, thread + 1, threads, 1);
  for (let r = shareStart(rows, thread, threads, 1); r < end; r++) {
    const from = x + ((<usize>r * <usize>dim) << 2),
      to = y + ((<usize>r * <usize>dim) << 2);
    const scale: f32 = 1 / sqrt<f32>(dotRows(from, from, dim) / <f32>dim + eps);
    store<f32>(rstd + ((<usize>r) << 2), scale);
    const wide = f32x4.splat(scale);
    let i: i32 = 0;
    for (; i + 4 <= dim; i += 4) {
      const at = (<usize>i) << 2;
      v128.store(to + at, f32x4.mul(f32x4.mul(v128.load(from + at), wide), v128.load(weight + at)));
    }
    for (; i < dim; i++) {
      const at = (<usize>i) << 2;
      store<f32>(to + at, load<f32>(from + at) * scale * load<f32>(weight + at));
    }
  }
}

function dotRows(a: usize, b: usize, n: i32): f32 {
  let s = f32x4.splat(0),
    t = f32x4.splat(0);
  let i: i32 = 0;
  for (; i + 8 <= n; i += 8) {
    const at = (<usize>i) << 2;
    s = f32x4.relaxed_madd(v128.load(a + at), v128.load(b + at), s);
    t = f32x4.relaxed_madd(v128.load(a + at, 16), v128.load(b + at, 16), t);
  }
  let sum = horizontal(f32x4.add(s, t));
  for (; i < n; i++) sum += load<f32>(a + ((<usize>i) << 2)) * load<f32>(b + ((<usize>i) << 2));
  return sum;
}

/** Rows are split for dx, columns for dweight, so that no two threads add to the same place. */
export function rmsNormBackward(args: usize, thread: i32, threads: i32): void {
  const dy = pointer(args, 0),
    x = pointer(args, 1),
    weight = pointer(args, 2),
    rstd = pointer(args, 3);
  const dx = pointer(args, 4),
    dweight = pointer(args, 5),
    rows = int(args, 6),
    dim = int(args, 7);
  const addX = int(args, 8) != 0,
    addWeight = int(args, 9) != 0;
  if (dx) {
    const end = shareStart(rows, thread + 1, threads, 1);
    for (let r = shareStart(rows, thread, threads, 1); r < end; r++) {
      const row = (<usize>r * <usize>dim) << 2;
      const scale = load<f32>(rstd + ((<usize>r) << 2));
      let dot = f32x4.splat(0);
      let i: i32 = 0;
      for (; i + 4 <= dim; i += 4) {
        const at = (<usize>i) << 2;
        dot = f32x4.relaxed_madd(
          f32x4.mul(v128.load(dy + row + at), v128.load(weight + at)),
          v128.load(x + row + at),
          dot,
        );
      }
      let sum = horizontal(dot);
      for (; i < dim; i++) {
        const at = (<usize>i) << 2;
        sum += load<f32>(dy + row + at) * load<f32>(weight + at) * load<f32>(x + row + at);
      }
      const factor: f32 = (scale * scale * sum) / <f32>dim;
      const wideScale = f32x4.splat(scale),
        wideFactor = f32x4.splat(factor);
      for (i = 0; i + 4 <= dim; i += 4) {
        const at = (<usize>i) << 2;
        const inner = f32x4.sub(
          f32x4.mul(v128.load(dy + row + at), v128.load(weight + at)),
          f32x4.mul(v128.load(x + row + at), wideFactor),
        );
        const value = f32x4.mul(inner, wideScale);
        v128.store(dx + row + at, addX ? f32x4.add(v128.load(dx + row + at), value) : value);
      }
      for (; i < dim; i++) {
        const at = (<usize>i) << 2;
        const value = scale * (load<f32>(dy + row + at) * load<f32>(weight + at) - load<f32>(x + row + at) * factor);
        store<f32>(dx + row + at, addX ? load<f32>(dx + row + at) + value : value);
      }
    }
  }
  if (dweight) {
    const c0 = shareStart(dim, thread, threads, 16),
      c1 = shareStart(dim, thread + 1, threads, 16);
    if (!addWeight) memory.fill(dweight + ((<usize>c0) << 2), 0, (<usize>(c1 - c0)) << 2);
    for (let r: i32 = 0; r < rows; r++) {
      const row = (<usize>r * <usize>dim) << 2;
      const scale = load<f32>(rstd + ((<usize>r) << 2));
      let i = c0;
      for (; i + 4 <= c1; i += 4) {
        const at = (<usize>i) << 2;
        const product = f32x4.mul(f32x4.mul(v128.load(dy + row + at), v128.load(x + row + at)), f32x4.splat(scale));
        v128.store(dweight + at, f32x4.add(v128.load(dweight + at), product));
      }
      for (; i < c1; i++) {
        const at = (<usize>i) << 2;
        store<f32>(dweight + at, load<f32>(dweight + at) + load<f32>(dy + row + at) * load<f32>(x + row + at) * scale);
      }
    }
  }
}
