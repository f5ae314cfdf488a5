import { float, int, pointer, shareStart } from "./arguments";
import { dot } from "./gemm-small";
import { scaleRow } from "./reductions";

export function adamw(args: usize, thread: i32, threads: i32): void {
  const w = pointer(args, 0),
    g = pointer(args, 1),
    m = pointer(args, 2),
    v = pointer(args, 3),
    hyper = pointer(args, 4);
  const n = int(args, 6),
    decay = int(args, 7) != 0;
  const lr = load<f32>(hyper),
    b1 = load<f32>(hyper, 8),
    b2 = load<f32>(hyper, 12);
  const weightDecay: f32 = decay ? load<f32>(hyper, 4) : 0;
  const inverse1: f32 = 1 / load<f32>(hyper, 16),
    inverse2: f32 = 1 / load<f32>(hyper, 20),
    eps = load<f32>(hyper, 24);
  const scale: f32 = load<f32>(hyper, 28) * load<f32>(pointer(args, 5));
  const vB1 = f32x4.splat(b1),
    vB2 = f32x4.splat(b2),
    vC1 = f32x4.splat(1 - b1),
    vC2 = f32x4.splat(1 - b2);
  let i = shareStart(n, thread, threads, 16);
  const end = shareStart(n, thread + 1, threads, 16);
  for (; i < end; i += 4) {
    const at = (<usize>i) << 2;
    if (i + 4 <= end) {
      const gradient = f32x4.mul(v128.load(g + at), f32x4.splat(scale));
      const first = f32x4.add(f32x4.mul(vB1, v128.load(m + at)), f32x4.mul(vC1, gradient));
      const second = f32x4.add(f32x4.mul(vB2, v128.load(v + at)), f32x4.mul(vC2, f32x4.mul(gradient, gradient)));
      const weight = v128.load(w + at);
      const root = f32x4.add(f32x4.sqrt(f32x4.mul(second, f32x4.splat(inverse2))), f32x4.splat(eps));
      const update = f32x4.add(
        f32x4.div(f32x4.mul(first, f32x4.splat(inverse1)), root),
        f32x4.mul(f32x4.splat(weightDecay), weight),
      );
      v128.store(m + at, first);
      v128.store(v + at, second);
      v128.store(w + at, f32x4.sub(weight, f32x4.mul(f32x4.splat(lr), update)));
    } else {
      for (let j = i; j < end; j++) {
        const here = (<usize>j) << 2;
        const gradient = load<f32>(g + here) * scale;
        const first = b1 * load<f32>(m + here) + (1 - b1) * gradient;
        const second = b2 * load<f32>(v + here) + (1 - b2) * (gradient * gradient);
        const weight = load<f32>(w + here);
        store<f32>(m + here, first);
        store<f32>(v + here, second);
        store<f32>(
          w + here,
          weight - lr * ((first * inverse1) / (sqrt<f32>(second * inverse2) + eps) + weightDecay * weight),
        );
      }
    }
  }
}

export function muonMomentum(args: usize, thread: i32, threads: i32): void {
  const g = pointer(args, 0),
    momentum = pointer(args, 1),
    out = pointer(args, 2),
    hyper = pointer(args, 3);
  const n = int(args, 5),
    nesterov = int(args, 6) != 0;
  const mu = load<f32>(hyper, 8),
    scale: f32 = load<f32>(hyper, 12) * load<f32>(pointer(args, 4));
  const wideMu = f32x4.splat(mu),
    wideScale = f32x4.splat(scale);
  let i = shareStart(n, thread, threads, 16);
  const end = shareStart(n, thread + 1, threads, 16);
  for (; i + 4 <= end; i += 4) {
    const at = (<usize>i) << 2;
    const gradient = f32x4.mul(v128.load(g + at), wideScale);
    const next = f32x4.add(f32x4.mul(wideMu, v128.load(momentum + at)), gradient);
    v128.store(momentum + at, next);
    v128.store(out + at, nesterov ? f32x4.add(gradient, f32x4.mul(wideMu, next)) : next);
  }
  for (; i < end; i++) {
    const at = (<usize>i) << 2;
    const gradient = load<f32>(g + at) * scale;
    const next = mu * load<f32>(momentum + at) + gradient;
    store<f32>(momentum + at, next);
    store<f32>(out + at, nesterov ? gradient + mu * next : next);
  }
}

/** Matrices are dealt to the threads whole: each norm is summed by one. */
export function normalizeFrobenius(args: usize, thread: i32, threads: i32): void {
  const x = pointer(args, 0),
    batch = int(args, 1),
    n = int(args, 2),
    safety = float(args, 3),
    eps = float(args, 4);
  const end = shareStart(batch, thread + 1, threads, 1);
  for (let b = shareStart(batch, thread, threads, 1); b < end; b++) {
    const matrix = x + ((<usize>b * <usize>n) << 2);
    scaleRow(matrix, n, 1 / (safety * sqrt<f32>(dot(matrix, matrix, n)) + eps));
  }
}

export function muonUpdate(args: usize, thread: i32, threads: i32): void {
  const w = pointer(args, 0),
    o = pointer(args, 1),
    hyper = pointer(args, 2),
    n = int(args, 3);
  const lr = load<f32>(hyper),
    keep: f32 = 1 - lr * load<f32>(hyper, 4),
    rate: f32 = lr * float(args, 4);
  let i = shareStart(n, thread, threads, 16);
  const end = shareStart(n, thread + 1, threads, 16);
  for (; i + 4 <= end; i += 4) {
    const at = (<usize>i) << 2;
    const kept = f32x4.mul(v128.load(w + at), f32x4.splat(keep));
    v128.store(w + at, f32x4.sub(kept, f32x4.mul(v128.load(o + at), f32x4.splat(rate))));
  }
  for (; i < end; i++) {
    const at = (<usize>i) << 2;
    store<f32>(w + at, load<f32>(w + at) * keep - load<f32>(o + at) * rate);
  }
}

export function clipFactor(args: usize, thread: i32, _threads: i32): void {
  if (thread != 0) return;
  const norm: f32 = sqrt<f32>(load<f32>(pointer(args, 0))) * float(args, 3),
    maxNorm = float(args, 4);
  store<f32>(pointer(args, 2), norm);
  store<f32>(pointer(args, 1), maxNorm > 0 ? min<f32>(1, maxNorm / (norm + 1e-6)) : 1);
}

export function qkClip(args: usize, thread: i32, threads: i32): void {
  const w = pointer(args, 0),
    maxLogits = pointer(args, 1),
    heads = int(args, 2),
    rowsPerHead = int(args, 3);
  const start = int(args, 4),
    count = int(args, 5),
    columns = int(args, 6),
    tau = float(args, 7),
    whole = int(args, 8) != 0;
  const end = shareStart(heads, thread + 1, threads, 1);
  for (let h = shareStart(heads, thread, threads, 1); h < end; h++) {
    const most = load<f32>(maxLogits + ((<usize>h) << 2));
    if (!(most > tau)) continue;
    const gamma: f32 = tau / most;
    const first = w + ((<usize>(h * rowsPerHead + start) * <usize>columns) << 2);
    scaleRow(first, count * columns, whole ? gamma : sqrt<f32>(gamma));
  }
}
