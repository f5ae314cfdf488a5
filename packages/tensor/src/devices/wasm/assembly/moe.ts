import { float, int, pointer, shareStart } from "./arguments";
import { dot } from "./gemm-small";
import { sigmoid1 } from "./math";
import { addRow, copyRow, setRow } from "./rows";

/** First phase: scores, choices and weights, by rows. */
export function routeForward(args: usize, thread: i32, threads: i32): void {
  const logits = pointer(args, 0), bias = pointer(args, 1), scores = pointer(args, 2), indices = pointer(args, 3);
  const weights = pointer(args, 4), rows = int(args, 6), experts = int(args, 7), k = int(args, 8);
  const normalize = int(args, 9) != 0, scaling = float(args, 10);
  const end = shareStart(rows, thread + 1, threads, 1);
  for (let t = shareStart(rows, thread, threads, 1); t < end; t++) {
    const row = (<usize>t * <usize>experts) << 2, choice = (<usize>t * <usize>k) << 2;
    for (let e: usize = 0; e < <usize>experts << 2; e += 4) store<f32>(scores + row + e, sigmoid1(load<f32>(logits + row + e)));
    let sum: f32 = 0;
    let bound: f32 = Infinity, boundExpert: i32 = -1;
    for (let j: i32 = 0; j < k; j++) {
      // The best below the last choice, in the order (biased score descending, index ascending).
      let best: f32 = -Infinity, bestExpert: i32 = -1;
      for (let e: i32 = 0; e < experts; e++) {
        const value = load<f32>(scores + row + (<usize>e << 2)) + load<f32>(bias + (<usize>e << 2));
        const after = value < bound || (value == bound && e > boundExpert);
        if (after && (bestExpert < 0 || value > best)) {
          best = value;
          bestExpert = e;
        }
      }
      // Only NaN scores leave no candidate: take expert 0, so that NaN spreads instead of a wild address.
      if (bestExpert < 0) bestExpert = 0;
      bound = best;
      boundExpert = bestExpert;
      const score = load<f32>(scores + row + (<usize>bestExpert << 2));
      sum += score;
      store<i32>(indices + choice + (<usize>j << 2), bestExpert);
      store<f32>(weights + choice + (<usize>j << 2), score);
    }
    const factor: f32 = normalize ? scaling / (sum + 1e-20) : scaling;
    for (let j: usize = 0; j < <usize>k << 2; j += 4) store<f32>(weights + choice + j, load<f32>(weights + choice + j) * factor);
  }
}

/** Second phase, after a barrier: the loads. */
export function routeForwardFinish(args: usize, thread: i32, _threads: i32): bool {
  if (thread != 0) return true;
  const indices = pointer(args, 3), loads = pointer(args, 5), n = int(args, 6) * int(args, 8);
  for (let i: i32 = 0; i < n; i++) {
    const at = loads + (<usize>load<i32>(indices + (<usize>i << 2)) << 2);
    store<f32>(at, load<f32>(at) + 1);
  }
  return true;
}

export function routeBackward(args: usize, thread: i32, threads: i32): void {
  const dweights = pointer(args, 0), scores = pointer(args, 1), indices = pointer(args, 2), dlogits = pointer(args, 3);
  const rows = int(args, 4), experts = int(args, 5), k = int(args, 6), normalize = int(args, 7) != 0, scaling = float(args, 8);
  const add = int(args, 9) != 0;
  const end = shareStart(rows, thread + 1, threads, 1);
  for (let t = shareStart(rows, thread, threads, 1); t < end; t++) {
    const row = (<usize>t * <usize>experts) << 2, choice = (<usize>t * <usize>k) << 2;
    if (!add) memory.fill(dlogits + row, 0, <usize>experts << 2);
    let sum: f32 = 1e-20, product: f32 = 0;
    for (let j: usize = 0; j < <usize>k << 2; j += 4) {
      const score = load<f32>(scores + row + (<usize>load<i32>(indices + choice + j) << 2));
      sum += score;
      product += load<f32>(dweights + choice + j) * score;
    }
    for (let j: usize = 0; j < <usize>k << 2; j += 4) {
      const at = <usize>load<i32>(indices + choice + j) << 2;
      const score = load<f32>(scores + row + at), d = load<f32>(dweights + choice + j);
      const slope: f32 = scaling * (normalize ? d / sum - product / (sum * sum) : d);
      store<f32>(dlogits + row + at, load<f32>(dlogits + row + at) + slope * score * (1 - score));
    }
  }
}

/** Small and sequential: one thread counts and places. */
export function sortByExpert(args: usize, thread: i32, _threads: i32): void {
  if (thread != 0) return;
  const indices = pointer(args, 0), offsets = pointer(args, 1), order = pointer(args, 2), inverse = pointer(args, 3);
  const n = int(args, 4), experts = int(args, 5);
  memory.fill(offsets, 0, <usize>(experts + 1) << 2);
  for (let c: i32 = 0; c < n; c++) {
    const at = offsets + (<usize>(load<i32>(indices + (<usize>c << 2)) + 1) << 2);
    store<i32>(at, load<i32>(at) + 1);
  }
  for (let e: i32 = 0; e < experts; e++) {
    const at = offsets + (<usize>e << 2);
    store<i32>(at, load<i32>(at, 4) + load<i32>(at), 4);
  }
  // offsets[e] serves as the next free row of expert e, and is moved back at the end.
  for (let c: i32 = 0; c < n; c++) {
    const at = offsets + (<usize>load<i32>(indices + (<usize>c << 2)) << 2);
    const row = load<i32>(at);
    store<i32>(at, row + 1);
    store<i32>(order + (<usize>row << 2), c);
    store<i32>(inverse + (<usize>c << 2), row);
  }
  for (let e = experts - 1; e > 0; e--) store<i32>(offsets + (<usize>e << 2), load<i32>(offsets + (<usize>(e - 1) << 2)));
  if (experts > 0) store<i32>(offsets, 0);
}

export function permute(args: usize, thread: i32, threads: i32): void {
  const x = pointer(args, 0), order = pointer(args, 1), y = pointer(args, 2), n = int(args, 3), dim = int(args, 4), k = int(args, 5);
  const end = shareStart(n, thread + 1, threads, 1);
  for (let r = shareStart(n, thread, threads, 1); r < end; r++) {
    const token = load<i32>(order + (<usize>r << 2)) / k;
    copyRow(x + ((<usize>token * <usize>dim) << 2), y + ((<usize>r * <usize>dim) << 2), dim);
  }
}

export function permuteBackward(args: usize, thread: i32, threads: i32): void {
  const dy = pointer(args, 0), inverse = pointer(args, 1), dx = pointer(args, 2), rows = int(args, 3), dim = int(args, 4);
  const k = int(args, 5), add = int(args, 6) != 0;
  const end = shareStart(rows, thread + 1, threads, 1);
  for (let t = shareStart(rows, thread, threads, 1); t < end; t++) {
    const to = dx + ((<usize>t * <usize>dim) << 2);
    for (let j: i32 = 0; j < k; j++) {
      const from = dy + ((<usize>load<i32>(inverse + (<usize>(t * k + j) << 2)) * <usize>dim) << 2);
      if (j == 0 && !add) copyRow(from, to, dim);
      else addRow(from, to, dim, 1);
    }
  }
}

export function unpermute(args: usize, thread: i32, threads: i32): void {
  const y = pointer(args, 0), weights = pointer(args, 1), inverse = pointer(args, 2), out = pointer(args, 3);
  const rows = int(args, 4), dim = int(args, 5), k = int(args, 6), add = int(args, 7) != 0;
  const end = shareStart(rows, thread + 1, threads, 1);
  for (let t = shareStart(rows, thread, threads, 1); t < end; t++) {
    const to = out + ((<usize>t * <usize>dim) << 2);
    for (let j: i32 = 0; j < k; j++) {
      const at = <usize>(t * k + j) << 2;
      const from = y + ((<usize>load<i32>(inverse + at) * <usize>dim) << 2), weight = load<f32>(weights + at);
      if (j == 0 && !add) setRow(from, to, dim, weight);
      else addRow(from, to, dim, weight);
    }
  }
}

export function unpermuteBackward(args: usize, thread: i32, threads: i32): void {
  const dout = pointer(args, 0), y = pointer(args, 1), weights = pointer(args, 2), inverse = pointer(args, 3);
  const dy = pointer(args, 4), dweights = pointer(args, 5), rows = int(args, 6), dim = int(args, 7), k = int(args, 8);
  const end = shareStart(rows, thread + 1, threads, 1) * k;
  for (let c = shareStart(rows, thread, threads, 1) * k; c < end; c++) {
    const at = <usize>c << 2;
    const from = dout + ((<usize>(c / k) * <usize>dim) << 2), row = (<usize>load<i32>(inverse + at) * <usize>dim) << 2;
    setRow(from, dy + row, dim, load<f32>(weights + at));
    store<f32>(dweights + at, dot(from, y + row, dim));
  }
}

export function balanceBias(args: usize, thread: i32, _threads: i32): void {
  if (thread != 0) return;
  const bias = pointer(args, 0), loads = pointer(args, 1), experts = int(args, 2), rate = float(args, 3);
  let sum: f32 = 0, drift: f32 = 0;
  for (let e: i32 = 0; e < experts; e++) sum += load<f32>(loads + (<usize>e << 2));
  const mean: f32 = sum / <f32>experts;
  for (let e: i32 = 0; e < experts; e++) drift += step(mean - load<f32>(loads + (<usize>e << 2)), rate);
  drift /= <f32>experts;
  for (let e: i32 = 0; e < experts; e++) {
    const at = <usize>e << 2;
    store<f32>(bias + at, load<f32>(bias + at) + step(mean - load<f32>(loads + at), rate) - drift);
    store<f32>(loads + at, 0);
  }
}

// @ts-ignore: decorator
@inline
function step(difference: f32, rate: f32): f32 {
  return difference > 0 ? rate : difference < 0 ? -rate : 0;
}
