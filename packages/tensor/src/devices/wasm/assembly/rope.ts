import { int, pointer, shareStart } from "./arguments";

export function rope(args: usize, thread: i32, threads: i32): void {
  const x = pointer(args, 0), y = pointer(args, 1), positions = pointer(args, 2), cos = pointer(args, 3), sin = pointer(args, 4);
  const rows = int(args, 5), heads = int(args, 6), headDim = int(args, 7), first = int(args, 8), ropeDim = int(args, 9);
  const inverse = int(args, 11) != 0, add = int(args, 12) != 0;
  const half = ropeDim >> 1;
  const end = shareStart(rows, thread + 1, threads, 1);
  for (let r = shareStart(rows, thread, threads, 1); r < end; r++) {
    const table = (<usize>load<i32>(positions + (<usize>r << 2)) * <usize>half) << 2;
    for (let h: i32 = 0; h < heads; h++) {
      const base = (<usize>(r * heads + h) * <usize>headDim) << 2;
      put(x + base, y + base, first, add);
      const tail = first + ropeDim;
      put(x + base + (<usize>tail << 2), y + base + (<usize>tail << 2), headDim - tail, add);
      for (let i: i32 = 0; i < half; i++) {
        const at = base + (<usize>(first + 2 * i) << 2);
        const c = load<f32>(cos + table + (<usize>i << 2)), plus = load<f32>(sin + table + (<usize>i << 2));
        const s = inverse ? -plus : plus;
        const even = load<f32>(x + at), odd = load<f32>(x + at, 4);
        const a = even * c - odd * s, b = even * s + odd * c;
        store<f32>(y + at, add ? load<f32>(y + at) + a : a);
        store<f32>(y + at, add ? load<f32>(y + at, 4) + b : b, 4);
      }
    }
  }
}

// @ts-ignore: decorator
@inline
function put(from: usize, to: usize, n: i32, add: bool): void {
  let i: i32 = 0;
  for (; i + 4 <= n; i += 4) {
    const at = <usize>i << 2;
    const value = v128.load(from + at);
    v128.store(to + at, add ? f32x4.add(v128.load(to + at), value) : value);
  }
  for (; i < n; i++) {
    const at = <usize>i << 2;
    const value = load<f32>(from + at);
    store<f32>(to + at, add ? load<f32>(to + at) + value : value);
  }
}
