import { float, int, pointer, shareStart } from "./arguments";
import { exp1, sigmoid1, sigmoid4 } from "./math";

// Shares of 16 elements keep threads on cache lines of their own.
const line: i32 = 16;

export function swigluForward(args: usize, thread: i32, threads: i32): void {
  const gate = pointer(args, 0), up = pointer(args, 1), y = pointer(args, 2), n = int(args, 3);
  let i = shareStart(n, thread, threads, line);
  const end = shareStart(n, thread + 1, threads, line);
  for (; i + 4 <= end; i += 4) {
    const at = <usize>i << 2;
    const g = v128.load(gate + at);
    v128.store(y + at, f32x4.mul(f32x4.mul(g, sigmoid4(g)), v128.load(up + at)));
  }
  for (; i < end; i++) {
    const at = <usize>i << 2;
    const g = load<f32>(gate + at);
    store<f32>(y + at, g * sigmoid1(g) * load<f32>(up + at));
  }
}

export function swigluBackward(args: usize, thread: i32, threads: i32): void {
  const dy = pointer(args, 0), gate = pointer(args, 1), up = pointer(args, 2);
  const dgate = pointer(args, 3), dup = pointer(args, 4), n = int(args, 5);
  const one = f32x4.splat(1);
  let i = shareStart(n, thread, threads, line);
  const end = shareStart(n, thread + 1, threads, line);
  for (; i + 4 <= end; i += 4) {
    const at = <usize>i << 2;
    const d = v128.load(dy + at), g = v128.load(gate + at), u = v128.load(up + at), s = sigmoid4(g);
    const silu = f32x4.mul(g, s);
    // silu′ = s · (1 + g · (1 − s)) = s + silu · (1 − s)
    const slope = f32x4.add(s, f32x4.mul(silu, f32x4.sub(one, s)));
    v128.store(dgate + at, f32x4.mul(f32x4.mul(d, u), slope));
    v128.store(dup + at, f32x4.mul(d, silu));
  }
  for (; i < end; i++) {
    const at = <usize>i << 2;
    const d = load<f32>(dy + at), g = load<f32>(gate + at), u = load<f32>(up + at), s = sigmoid1(g);
    store<f32>(dgate + at, d * u * (s + g * s * (1 - s)));
    store<f32>(dup + at, d * g * s);
  }
}

function unaryValue(op: i32, x: f32): f32 {
  switch (op) {
    case 0: return -x;
    case 1: return exp1(x);
    case 2: return <f32>Math.log(x);
    case 3: return sqrt<f32>(x);
    case 4: return 1 / sqrt<f32>(x);
    case 5: return x * x;
    case 6: return 1 / x;
    case 7: return <f32>Math.tanh(x);
    case 8: return sigmoid1(x);
    case 9: return x * sigmoid1(x);
    case 10: return x > 0 ? x : x <= 0 ? 0 : x;
    case 11: return <f32>(0.5 * <f64>x * (1 + Math.tanh(geluInner(x))));
    default: return abs<f32>(x);
  }
}

// @ts-ignore: decorator
@inline
function geluInner(x: f64): f64 {
  return 0.7978845608028654 * (x + 0.044715 * x * x * x);
}

function unarySlope(op: i32, x: f32, y: f32): f32 {
  switch (op) {
    case 0: return -1;
    case 1: return y;
    case 2: return 1 / x;
    case 3: return 0.5 / y;
    case 4: return -0.5 * y * y * y;
    case 5: return 2 * x;
    case 6: return -y * y;
    case 7: return 1 - y * y;
    case 8: return y * (1 - y);
    case 9: {
      const s = sigmoid1(x);
      return s * (1 + x * (1 - s));
    }
    case 10: return x > 0 ? 1 : 0;
    case 11: {
      const t = Math.tanh(geluInner(x)), wide = <f64>x;
      return <f32>(0.5 * (1 + t) + 0.5 * wide * (1 - t * t) * 0.7978845608028654 * (1 + 0.134145 * wide * wide));
    }
    default: return x > 0 ? 1 : x < 0 ? -1 : x;
  }
}

export function unary(args: usize, thread: i32, threads: i32): void {
  const x = pointer(args, 0), y = pointer(args, 1), n = int(args, 2), op = int(args, 3);
  const end = shareStart(n, thread + 1, threads, line);
  for (let i = shareStart(n, thread, threads, line); i < end; i++) {
    const at = <usize>i << 2;
    store<f32>(y + at, unaryValue(op, load<f32>(x + at)));
  }
}

export function unaryBackward(args: usize, thread: i32, threads: i32): void {
  const dy = pointer(args, 0), x = pointer(args, 1), y = pointer(args, 2), dx = pointer(args, 3);
  const n = int(args, 4), op = int(args, 5), add = int(args, 6) != 0;
  const end = shareStart(n, thread + 1, threads, line);
  for (let i = shareStart(n, thread, threads, line); i < end; i++) {
    const at = <usize>i << 2;
    const value = load<f32>(dy + at) * unarySlope(op, load<f32>(x + at), load<f32>(y + at));
    store<f32>(dx + at, add ? load<f32>(dx + at) + value : value);
  }
}

function binaryValue(op: i32, a: f32, b: f32): f32 {
  switch (op) {
    case 0: return a + b;
    case 1: return a - b;
    case 2: return a * b;
    case 3: return a / b;
    case 4: return max<f32>(a, b);
    default: return min<f32>(a, b);
  }
}

export function binary(args: usize, thread: i32, threads: i32): void {
  const a = pointer(args, 0), b = pointer(args, 1), y = pointer(args, 2), rows = int(args, 3), columns = int(args, 4);
  const aRow = int(args, 5), aColumn = int(args, 6), bRow = int(args, 7), bColumn = int(args, 8), op = int(args, 9);
  const byRows = rows > 1;
  const r0 = byRows ? shareStart(rows, thread, threads, 1) : 0, r1 = byRows ? shareStart(rows, thread + 1, threads, 1) : rows;
  const c0 = byRows ? 0 : shareStart(columns, thread, threads, line);
  const c1 = byRows ? columns : shareStart(columns, thread + 1, threads, line);
  for (let r = r0; r < r1; r++) {
    let c = c0;
    if ((op == 0 || op == 2) && aColumn == 1 && bColumn == 1) {
      const pa = a + ((<usize>r * <usize>aRow) << 2), pb = b + ((<usize>r * <usize>bRow) << 2);
      const py = y + ((<usize>r * <usize>columns) << 2);
      if (op == 0) {
        for (; c + 8 <= c1; c += 8) {
          const at = <usize>c << 2;
          v128.store(py + at, f32x4.add(v128.load(pa + at), v128.load(pb + at)));
          v128.store(py + at, f32x4.add(v128.load(pa + at, 16), v128.load(pb + at, 16)), 16);
        }
      } else {
        for (; c + 8 <= c1; c += 8) {
          const at = <usize>c << 2;
          v128.store(py + at, f32x4.mul(v128.load(pa + at), v128.load(pb + at)));
          v128.store(py + at, f32x4.mul(v128.load(pa + at, 16), v128.load(pb + at, 16)), 16);
        }
      }
    }
    for (; c < c1; c++) {
      const left = load<f32>(a + ((<usize>r * <usize>aRow + <usize>c * <usize>aColumn) << 2));
      const right = load<f32>(b + ((<usize>r * <usize>bRow + <usize>c * <usize>bColumn) << 2));
      store<f32>(y + ((<usize>r * <usize>columns + c) << 2), binaryValue(op, left, right));
    }
  }
}

export function axpby(args: usize, thread: i32, threads: i32): void {
  const x = pointer(args, 0), y = pointer(args, 1), n = int(args, 2), alpha = float(args, 3), beta = float(args, 4);
  const va = f32x4.splat(alpha), vb = f32x4.splat(beta);
  let i = shareStart(n, thread, threads, line);
  const end = shareStart(n, thread + 1, threads, line);
  if (beta == 0) {
    for (; i + 8 <= end; i += 8) {
      const at = <usize>i << 2;
      v128.store(y + at, f32x4.mul(va, v128.load(x + at)));
      v128.store(y + at, f32x4.mul(va, v128.load(x + at, 16)), 16);
    }
  } else {
    for (; i + 8 <= end; i += 8) {
      const at = <usize>i << 2;
      v128.store(y + at, f32x4.add(f32x4.mul(va, v128.load(x + at)), f32x4.mul(vb, v128.load(y + at))));
      v128.store(y + at, f32x4.add(f32x4.mul(va, v128.load(x + at, 16)), f32x4.mul(vb, v128.load(y + at, 16))), 16);
    }
  }
  for (; i < end; i++) {
    const at = <usize>i << 2;
    store<f32>(y + at, alpha * load<f32>(x + at) + (beta == 0 ? 0 : beta * load<f32>(y + at)));
  }
}

export function scaleByScalar(args: usize, thread: i32, threads: i32): void {
  const x = pointer(args, 0), y = pointer(args, 2), n = int(args, 3), add = int(args, 5) != 0;
  const factor = load<f32>(pointer(args, 1)) * float(args, 4);
  const wide = f32x4.splat(factor);
  let i = shareStart(n, thread, threads, line);
  const end = shareStart(n, thread + 1, threads, line);
  for (; i + 4 <= end; i += 4) {
    const at = <usize>i << 2;
    const value = f32x4.mul(v128.load(x + at), wide);
    v128.store(y + at, add ? f32x4.add(v128.load(y + at), value) : value);
  }
  for (; i < end; i++) {
    const at = <usize>i << 2;
    const value = load<f32>(x + at) * factor;
    store<f32>(y + at, add ? load<f32>(y + at) + value : value);
  }
}

/** Both fills: a float's bits are moved like an integer's. */
export function fill(args: usize, thread: i32, threads: i32): void {
  const y = pointer(args, 0), n = int(args, 1), word = int(args, 2);
  const wide = i32x4.splat(word);
  let i = shareStart(n, thread, threads, line);
  const end = shareStart(n, thread + 1, threads, line);
  for (; i + 4 <= end; i += 4) v128.store(y + (<usize>i << 2), wide);
  for (; i < end; i++) store<i32>(y + (<usize>i << 2), word);
}

export function copy3d(args: usize, thread: i32, threads: i32): void {
  const src = pointer(args, 0), dst = pointer(args, 1), n0 = int(args, 2), n1 = int(args, 3), n2 = int(args, 4);
  const srcOffset = int(args, 5), src0 = int(args, 6), src1 = int(args, 7);
  const dstOffset = int(args, 8), dst0 = int(args, 9), dst1 = int(args, 10), add = int(args, 11) != 0;
  const rows = n0 * n1;
  const split = rows >= threads;
  const first = split ? shareStart(rows, thread, threads, 1) : 0, last = split ? shareStart(rows, thread + 1, threads, 1) : rows;
  const c0 = split ? 0 : shareStart(n2, thread, threads, line), c1 = split ? n2 : shareStart(n2, thread + 1, threads, line);
  for (let row = first; row < last; row++) {
    const i = row / n1, j = row - i * n1;
    const from = src + (<usize>(srcOffset + i * src0 + j * src1) << 2), to = dst + (<usize>(dstOffset + i * dst0 + j * dst1) << 2);
    let c = c0;
    if (add) {
      for (; c + 4 <= c1; c += 4) {
        const at = <usize>c << 2;
        v128.store(to + at, f32x4.add(v128.load(to + at), v128.load(from + at)));
      }
      for (; c < c1; c++) store<f32>(to + (<usize>c << 2), load<f32>(to + (<usize>c << 2)) + load<f32>(from + (<usize>c << 2)));
    } else {
      for (; c + 4 <= c1; c += 4) v128.store(to + (<usize>c << 2), v128.load(from + (<usize>c << 2)));
      for (; c < c1; c++) store<i32>(to + (<usize>c << 2), load<i32>(from + (<usize>c << 2)));
    }
  }
}

export function castF32ToBf16(args: usize, thread: i32, threads: i32): void {
  const x = pointer(args, 0), y = pointer(args, 1), n = int(args, 2);
  const end = shareStart(n, thread + 1, threads, 32);
  for (let i = shareStart(n, thread, threads, 32); i < end; i++) {
    const bits = load<u32>(x + (<usize>i << 2));
    const rounded = (bits & 0x7fffffff) > 0x7f800000 ? (bits >> 16) | 0x40 : (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    store<u16>(y + (<usize>i << 1), <u16>rounded);
  }
}

export function castBf16ToF32(args: usize, thread: i32, threads: i32): void {
  const x = pointer(args, 0), y = pointer(args, 1), n = int(args, 2);
  const end = shareStart(n, thread + 1, threads, 32);
  for (let i = shareStart(n, thread, threads, 32); i < end; i++) {
    store<u32>(y + (<usize>i << 2), <u32>load<u16>(x + (<usize>i << 1)) << 16);
  }
}
