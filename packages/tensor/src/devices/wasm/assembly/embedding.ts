import { int, pointer, shareStart } from "./arguments";
import { addRow, copyRow } from "./rows";

export function gatherRows(args: usize, thread: i32, threads: i32): void {
  const table = pointer(args, 0),
    ids = pointer(args, 1),
    y = pointer(args, 2),
    rows = int(args, 3),
    dim = int(args, 4);
  const vocab = int(args, 5);
  const end = shareStart(rows, thread + 1, threads, 1);
  for (let r = shareStart(rows, thread, threads, 1); r < end; r++) {
    const id = load<i32>(ids + ((<usize>r) << 2)),
      to = y + ((<usize>r * <usize>dim) << 2);
    if (id >= 0 && id < vocab) copyRow(table + ((<usize>id * <usize>dim) << 2), to, dim);
    else memory.fill(to, 0, (<usize>dim) << 2);
  }
}

/** Each thread takes a range of columns of every row: sums are in the order of the rows, and no two threads meet. */
export function scatterAddRows(args: usize, thread: i32, threads: i32): void {
  const dy = pointer(args, 0),
    ids = pointer(args, 1),
    table = pointer(args, 2),
    rows = int(args, 3),
    dim = int(args, 4);
  const vocab = int(args, 5);
  const c0 = shareStart(dim, thread, threads, 16),
    c1 = shareStart(dim, thread + 1, threads, 16);
  for (let r: i32 = 0; r < rows; r++) {
    const id = load<i32>(ids + ((<usize>r) << 2));
    if (id < 0 || id >= vocab) continue;
    addRow(dy + ((<usize>r * <usize>dim + c0) << 2), table + ((<usize>id * <usize>dim + c0) << 2), c1 - c0, 1);
  }
}

export function gatherColumns(args: usize, thread: i32, threads: i32): void {
  const x = pointer(args, 0),
    index = pointer(args, 1),
    y = pointer(args, 2),
    rows = int(args, 3),
    columns = int(args, 4);
  const k = int(args, 5);
  const end = shareStart(rows, thread + 1, threads, 1);
  for (let r = shareStart(rows, thread, threads, 1); r < end; r++) {
    for (let j: i32 = 0; j < k; j++) {
      const at = (<usize>(r * k + j)) << 2;
      store<f32>(y + at, load<f32>(x + ((<usize>r * <usize>columns + load<i32>(index + at)) << 2)));
    }
  }
}

export function scatterAddColumns(args: usize, thread: i32, threads: i32): void {
  const dy = pointer(args, 0),
    index = pointer(args, 1),
    dx = pointer(args, 2),
    rows = int(args, 3),
    columns = int(args, 4);
  const k = int(args, 5);
  const end = shareStart(rows, thread + 1, threads, 1);
  for (let r = shareStart(rows, thread, threads, 1); r < end; r++) {
    for (let j: i32 = 0; j < k; j++) {
      const at = (<usize>(r * k + j)) << 2;
      const to = dx + ((<usize>r * <usize>columns + load<i32>(index + at)) << 2);
      store<f32>(to, load<f32>(to) + load<f32>(dy + at));
    }
  }
}
