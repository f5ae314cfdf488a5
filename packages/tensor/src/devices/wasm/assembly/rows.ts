/** to = from, `n` floats. */
export function copyRow(from: usize, to: usize, n: i32): void {
  memory.copy(to, from, (<usize>n) << 2);
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

/** to = factor · from. */
export function setRow(from: usize, to: usize, n: i32, factor: f32): void {
  const wide = f32x4.splat(factor);
  let i: i32 = 0;
  for (; i + 4 <= n; i += 4) v128.store(to + ((<usize>i) << 2), f32x4.mul(v128.load(from + ((<usize>i) << 2)), wide));
  for (; i < n; i++) store<f32>(to + ((<usize>i) << 2), load<f32>(from + ((<usize>i) << 2)) * factor);
}
