/** to = from, `n` floats. */
export function copyRow(from: usize, to: usize, n: i32): void {
  memory.copy(to, from, (<usize>n) << 2);
}

/** to = 0. For short rows: memory.fill leaves the module, which costs more than they do. */
export function zeroRow(to: usize, n: i32): void {
  let i: i32 = 0;
  for (; i + 4 <= n; i += 4) v128.store(to + ((<usize>i) << 2), f32x4.splat(0));
  for (; i < n; i++) store<f32>(to + ((<usize>i) << 2), 0);
}

/** to += factor · from. */
export function addRow(from: usize, to: usize, n: i32, factor: f32): void {
  const wide = f32x4.splat(factor);
  let i: i32 = 0;
  for (; i + 4 <= n; i += 4) {
    const at = (<usize>i) << 2;
    v128.store(to + at, f32x4.relaxed_madd(v128.load(from + at), wide, v128.load(to + at)));
  }
  for (; i < n; i++) {
    const at = (<usize>i) << 2;
    store<f32>(to + at, load<f32>(to + at) + load<f32>(from + at) * factor);
  }
}

/** to += factor · Σ weights[r] · (from + r · stride), over four rows. */
export function addFourRows(from: usize, stride: usize, weights: usize, to: usize, n: i32, factor: f32): void {
  const f0 = load<f32>(weights) * factor, f1 = load<f32>(weights, 4) * factor;
  const f2 = load<f32>(weights, 8) * factor, f3 = load<f32>(weights, 12) * factor;
  const from1 = from + stride, from2 = from1 + stride, from3 = from2 + stride;
  let i: i32 = 0;
  for (; i + 4 <= n; i += 4) {
    const at = (<usize>i) << 2;
    const low = f32x4.relaxed_madd(v128.load(from + at), f32x4.splat(f0), v128.load(to + at));
    const sum = f32x4.relaxed_madd(v128.load(from1 + at), f32x4.splat(f1), low);
    const rest = f32x4.relaxed_madd(v128.load(from3 + at), f32x4.splat(f3), f32x4.mul(v128.load(from2 + at), f32x4.splat(f2)));
    v128.store(to + at, f32x4.add(sum, rest));
  }
  for (; i < n; i++) {
    const at = (<usize>i) << 2;
    const sum = load<f32>(from + at) * f0 + load<f32>(from1 + at) * f1 + load<f32>(from2 + at) * f2 + load<f32>(from3 + at) * f3;
    store<f32>(to + at, load<f32>(to + at) + sum);
  }
}

/** to = factor · from. */
export function setRow(from: usize, to: usize, n: i32, factor: f32): void {
  const wide = f32x4.splat(factor);
  let i: i32 = 0;
  for (; i + 4 <= n; i += 4) v128.store(to + ((<usize>i) << 2), f32x4.mul(v128.load(from + ((<usize>i) << 2)), wide));
  for (; i < n; i++) store<f32>(to + ((<usize>i) << 2), load<f32>(from + ((<usize>i) << 2)) * factor);
}
