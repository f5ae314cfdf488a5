import { float, int, pointer, shareStart } from "./arguments";
import { exp1, sigmoid1 } from "./math";
import { expRow, expSum, rowMaximum, scaleRow } from "./reductions";

export function countTargets(args: usize, thread: i32, _threads: i32): void {
  if (thread != 0) return;
  const targets = pointer(args, 0),
    n = int(args, 3),
    ignore = int(args, 4);
  let count: i32 = 0;
  for (let i: i32 = 0; i < n; i++) if (load<i32>(targets + ((<usize>i) << 2)) != ignore) count++;
  store<f32>(pointer(args, 1), <f32>count);
  store<f32>(pointer(args, 2), 1 / <f32>max(count, 1));
}

/** Two passes over a row: its maximum, then exponentials, which become probabilities in a third only if wanted. */
export function crossEntropy(args: usize, thread: i32, threads: i32): void {
  const x = pointer(args, 0),
    targets = pointer(args, 1),
    loss = pointer(args, 2),
    dx = pointer(args, 3),
    rows = int(args, 4),
    vocab = int(args, 5);
  const ignore = int(args, 6),
    zLoss = float(args, 7);
  const end = shareStart(rows, thread + 1, threads, 1);
  for (let r = shareStart(rows, thread, threads, 1); r < end; r++) {
    const row = x + ((<usize>r * <usize>vocab) << 2);
    const drow = dx + ((<usize>r * <usize>vocab) << 2);
    const target = load<i32>(targets + ((<usize>r) << 2));
    if (target == ignore) {
      store<f32>(loss + ((<usize>r) << 2), 0);
      if (dx != 0) memory.fill(drow, 0, (<usize>vocab) << 2);
      continue;
    }
    const most = rowMaximum(row, vocab);
    const logit = load<f32>(row + ((<usize>target) << 2));
    const sum = dx != 0 ? expRow(row, drow, vocab, most) : expSum(row, vocab, most);
    const lse: f32 = most + <f32>Math.log(sum);
    store<f32>(loss + ((<usize>r) << 2), lse - logit + zLoss * lse * lse);
    if (dx == 0) continue;
    const factor: f32 = (1 + 2 * zLoss * lse) / sum;
    scaleRow(drow, vocab, factor);
    const atTarget = drow + ((<usize>target) << 2);
    store<f32>(atTarget, load<f32>(atTarget) - 1);
  }
}

export function bceForward(args: usize, thread: i32, threads: i32): void {
  const x = pointer(args, 0),
    target = pointer(args, 1),
    loss = pointer(args, 2),
    n = int(args, 3);
  const end = shareStart(n, thread + 1, threads, 16);
  for (let i = shareStart(n, thread, threads, 16); i < end; i++) {
    const at = (<usize>i) << 2;
    const value = load<f32>(x + at);
    const tail = <f32>Math.log1p(exp1(-abs<f32>(value)));
    store<f32>(loss + at, max<f32>(value, 0) - value * load<f32>(target + at) + tail);
  }
}

export function bceBackward(args: usize, thread: i32, threads: i32): void {
  const dy = pointer(args, 0),
    x = pointer(args, 1),
    target = pointer(args, 2),
    dx = pointer(args, 3),
    n = int(args, 4);
  const add = int(args, 5) != 0;
  const end = shareStart(n, thread + 1, threads, 16);
  for (let i = shareStart(n, thread, threads, 16); i < end; i++) {
    const at = (<usize>i) << 2;
    const value = load<f32>(dy + at) * (sigmoid1(load<f32>(x + at)) - load<f32>(target + at));
    store<f32>(dx + at, add ? load<f32>(dx + at) + value : value);
  }
}
