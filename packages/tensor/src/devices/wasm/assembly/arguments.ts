/** Word `i` of a kernel's arguments, as an integer (a buffer is its byte address, 0 for null). */
// @ts-ignore: decorator
@inline
export function int(args: usize, i: i32): i32 {
  return load<i32>(args + (<usize>i << 2));
}

// @ts-ignore: decorator
@inline
export function pointer(args: usize, i: i32): usize {
  return <usize>load<u32>(args + (<usize>i << 2));
}

// @ts-ignore: decorator
@inline
export function float(args: usize, i: i32): f32 {
  return load<f32>(args + (<usize>i << 2));
}

/** First of the items 0 … n that belong to thread `t` of `count`: shares differ by at most one unit of `step` items. */
// @ts-ignore: decorator
@inline
export function shareStart(n: i32, t: i32, count: i32, step: i32): i32 {
  const units = (n + step - 1) / step;
  return min<i32>(n, <i32>((<i64>units * t) / count) * step);
}
