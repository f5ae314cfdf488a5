import { float, int, pointer, shareStart } from "./arguments";
import { horizontal } from "./gemm-small";

export function layerNormForward(args: usize, thread: i32, threads: i32): void {
  const x = pointer(args, 0),
    weight = pointer(args, 1),
    bias = pointer(args, 2),
    y = pointer(args, 3);
  const mean = pointer(args, 4),
    rstd = pointer(args, 5),
    rows = int(args, 6),
    dim = int(args, 7),
    eps = float(args, 8);
  const end = shareStart(rows, thread + 1, threads, 1);
  for (let r = shareStart(rows, thread, threads, 1); r < end; r++) {
    const row = (<usize>r * <usize>dim) << 2;
    const center: f32 = sumRow(x + row, dim) / <f32>dim;
    const wide = f32x4.splat(center);
    let total = f32x4.splat(0);
    let i: i32 = 0;
    for (; i + 4 <= dim; i += 4) {
      const difference = f32x4.sub(v128.load(x + row + ((<usize>i) << 2)), wide);
      total = f32x4.relaxed_madd(difference, difference, total);
    }
    let squares = horizontal(total);
    for (; i < dim; i++) {
      const difference = load<f32>(x + row + ((<usize>i) << 2)) - center;
      squares += difference * difference;
    }
    const scale: f32 = 1 / sqrt<f32>(squares / <f32>dim + eps);
    store<f32>(mean + ((<usize>r) << 2), center);
    store<f32>(rstd + ((<usize>r) << 2), scale);
    const wideScale = f32x4.splat(scale);
    for (i = 0; i + 4 <= dim; i += 4) {
      const at = (<usize>i) << 2;
      const normed = f32x4.mul(f32x4.sub(v128.load(x + row + at), wide), wideScale);
      const value = f32x4.mul(normed, v128.load(weight + at));
      v128.store(y + row + at, bias ? f32x4.add(value, v128.load(bias + at)) : value);
    }
    for (; i < dim; i++) {
      const at = (<usize>i) << 2;
      const shift: f32 = bias ? load<f32>(bias + at) : 0;
      store<f32>(y + row + at, (load<f32>(x + row + at) - center) * scale * load<f32>(weight + at) + shift);
    }
  }
}

function sumRow(row: usize, n: i32): f32 {
  let total = f32x4.splat(0);
  let i: i32 = 0;
  for (; i + 4 <= n; i += 4) total = f32x4.add(total, v128.load(row + ((<usize>i) << 2)));
  let sum = horizontal(total);
  for (; i < n; i++) sum += load<f32>(row + ((<usize>i) << 2));
  return sum;
}

export function layerNormBackward(args: usize, thread: i32, threads: i32): void {
  const dy = pointer(args, 0),
    x = pointer(args, 1),
    weight = pointer(args, 2),
    mean = pointer(args, 3),
    rstd = pointer(args, 4);
  const dx = pointer(args, 5),
    dweight = pointer(args, 6),
    dbias = pointer(args, 7),
    rows = int(args, 8),
    dim = int(args, 9);
  const addX = int(args, 10) != 0,
    addWeight = int(args, 11) != 0,
    addBias = int(args, 12) != 0;
  if (dx) {
    const end = shareStart(rows, thread + 1, threads, 1);
    for (let r = shareStart(rows, thread, threads, 1); r < end; r++) {
      const row = (<usize>r * <usize>dim) << 2;
      const center = load<f32>(mean + ((<usize>r) << 2)),
        scale = load<f32>(rstd + ((<usize>r) << 2));
      const wideCenter = f32x4.splat(center),
        wideScale = f32x4.splat(scale);
      let sums = f32x4.splat(0),
        dots = f32x4.splat(0);
      let i: i32 = 0;
      for (; i + 4 <= dim; i += 4) {
        const at = (<usize>i) << 2;
        const d = f32x4.mul(v128.load(dy + row + at), v128.load(weight + at));
        sums = f32x4.add(sums, d);
        dots = f32x4.relaxed_madd(d, f32x4.mul(f32x4.sub(v128.load(x + row + at), wideCenter), wideScale), dots);
      }
      let sum = horizontal(sums),
        dot = horizontal(dots);
      for (; i < dim; i++) {
        const at = (<usize>i) << 2;
        const d = load<f32>(dy + row + at) * load<f32>(weight + at);
        sum += d;
        dot += d * (load<f32>(x + row + at) - center) * scale;
      }
      sum /= <f32>dim;
      dot /= <f32>dim;
      const wideSum = f32x4.splat(sum),
        wideDot = f32x4.splat(dot);
      for (i = 0; i + 4 <= dim; i += 4) {
        const at = (<usize>i) << 2;
        const normed = f32x4.mul(f32x4.sub(v128.load(x + row + at), wideCenter), wideScale);
        const inner = f32x4.sub(f32x4.mul(v128.load(dy + row + at), v128.load(weight + at)), wideSum);
        const value = f32x4.mul(wideScale, f32x4.sub(inner, f32x4.mul(normed, wideDot)));
        v128.store(dx + row + at, addX ? f32x4.add(v128.load(dx + row + at), value) : value);
      }
      for (; i < dim; i++) {
        const at = (<usize>i) << 2;
        const normed = (load<f32>(x + row + at) - center) * scale;
        const value = scale * (load<f32>(dy + row + at) * load<f32>(weight + at) - sum - normed * dot);
        store<f32>(dx + row + at, addX ? load<f32>(dx + row + at) + value : value);
      }
    }
  }
  const c1 = shareStart(dim, thread + 1, threads, 16);
  let i = shareStart(dim, thread, threads, 16);
  // Sixteen columns at a time, a cache line of each row: one at a time would fetch every line sixteen times.
  for (; i + 16 <= c1; i += 16) {
    const at = (<usize>i) << 2;
    let g0 = f32x4.splat(0), g1 = g0, g2 = g0, g3 = g0, s0 = g0, s1 = g0, s2 = g0, s3 = g0;
    for (let r: i32 = 0; r < rows; r++) {
      const here = ((<usize>r * <usize>dim) << 2) + at;
      const center = f32x4.splat(load<f32>(mean + ((<usize>r) << 2))), scale = f32x4.splat(load<f32>(rstd + ((<usize>r) << 2)));
      const d0 = v128.load(dy + here), d1 = v128.load(dy + here, 16), d2 = v128.load(dy + here, 32), d3 = v128.load(dy + here, 48);
      s0 = f32x4.add(s0, d0);
      s1 = f32x4.add(s1, d1);
      s2 = f32x4.add(s2, d2);
      s3 = f32x4.add(s3, d3);
      g0 = f32x4.relaxed_madd(d0, f32x4.mul(f32x4.sub(v128.load(x + here), center), scale), g0);
      g1 = f32x4.relaxed_madd(d1, f32x4.mul(f32x4.sub(v128.load(x + here, 16), center), scale), g1);
      g2 = f32x4.relaxed_madd(d2, f32x4.mul(f32x4.sub(v128.load(x + here, 32), center), scale), g2);
      g3 = f32x4.relaxed_madd(d3, f32x4.mul(f32x4.sub(v128.load(x + here, 48), center), scale), g3);
    }
    if (dweight) storeFour(dweight + at, g0, g1, g2, g3, addWeight);
    if (dbias) storeFour(dbias + at, s0, s1, s2, s3, addBias);
  }
  for (; i < c1; i++) {
    const at = (<usize>i) << 2;
    let gain: f32 = 0,
      shift: f32 = 0;
    for (let r: i32 = 0; r < rows; r++) {
      const here = ((<usize>r * <usize>dim) << 2) + at;
      const d = load<f32>(dy + here);
      shift += d;
      gain += d * (load<f32>(x + here) - load<f32>(mean + ((<usize>r) << 2))) * load<f32>(rstd + ((<usize>r) << 2));
    }
    if (dweight) store<f32>(dweight + at, addWeight ? load<f32>(dweight + at) + gain : gain);
    if (dbias) store<f32>(dbias + at, addBias ? load<f32>(dbias + at) + shift : shift);
  }
}

// @ts-ignore: decorator
@inline
function storeFour(to: usize, a: v128, b: v128, c: v128, d: v128, add: bool): void {
  v128.store(to, add ? f32x4.add(v128.load(to), a) : a);
  v128.store(to, add ? f32x4.add(v128.load(to, 16), b) : b, 16);
  v128.store(to, add ? f32x4.add(v128.load(to, 32), c) : c, 32);
  v128.store(to, add ? f32x4.add(v128.load(to, 48), d) : d, 48);
}
