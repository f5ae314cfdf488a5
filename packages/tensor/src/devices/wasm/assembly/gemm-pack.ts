/**
 * Packing of operands into panels that the micro-kernels stream through: A into [k, 6], B into [k, width]. What lies beyond
 * the edge of the matrix is zero.
 */

const lanes = 4;

/** Packs `rows` ≤ 6 rows of A [rows, k] (ld in elements, k contiguous), scaled by alpha. */
export function packRows6(a: usize, ld: i32, rows: i32, k: i32, alpha: f32, out: usize): void {
  const stride = (<usize>ld) << 2;
  const scale = f32x4.splat(alpha);
  let p: i32 = 0;
  if (rows == 6) {
    for (; p + lanes <= k; p += lanes) {
      const at = a + ((<usize>p) << 2);
      const r0 = f32x4.mul(v128.load(at), scale);
      const r1 = f32x4.mul(v128.load(at + stride), scale);
      const r2 = f32x4.mul(v128.load(at + 2 * stride), scale);
      const r3 = f32x4.mul(v128.load(at + 3 * stride), scale);
      const r4 = f32x4.mul(v128.load(at + 4 * stride), scale);
      const r5 = f32x4.mul(v128.load(at + 5 * stride), scale);
      const t0 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5);
      const t1 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
      const t2 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
      const t3 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
      const t4 = v128.shuffle<f32>(r4, r5, 0, 4, 1, 5);
      const t5 = v128.shuffle<f32>(r4, r5, 2, 6, 3, 7);
      v128.store(out, v128.shuffle<f64>(t0, t2, 0, 2), 0);
      v128.store64_lane(out, t4, 0, 16);
      v128.store(out, v128.shuffle<f64>(t0, t2, 1, 3), 24);
      v128.store64_lane(out, t4, 1, 40);
      v128.store(out, v128.shuffle<f64>(t1, t3, 0, 2), 48);
      v128.store64_lane(out, t5, 0, 64);
      v128.store(out, v128.shuffle<f64>(t1, t3, 1, 3), 72);
      v128.store64_lane(out, t5, 1, 88);
      out += 96;
    }
  }
  for (; p < k; p++) {
    for (let i: i32 = 0; i < 6; i++) {
      const value: f32 = i < rows ? load<f32>(a + <usize>i * stride + ((<usize>p) << 2)) * alpha : 0;
      store<f32>(out + ((<usize>i) << 2), value);
    }
    out += 24;
  }
}

/** Packs `rows` ≤ 6 columns of A stored transposed [k, rows] (ld in elements), scaled by alpha. */
export function packColumns6(a: usize, ld: i32, rows: i32, k: i32, alpha: f32, out: usize): void {
  const stride = (<usize>ld) << 2;
  const scale = f32x4.splat(alpha);
  for (let p: i32 = 0; p < k; p++) {
    if (rows == 6) {
      v128.store(out, f32x4.mul(v128.load(a), scale));
      v128.store64_lane(out, f32x4.mul(v128.load64_zero(a, 16), scale), 0, 16);
    } else {
      for (let i: i32 = 0; i < 6; i++) {
        const value: f32 = i < rows ? load<f32>(a + ((<usize>i) << 2)) * alpha : 0;
        store<f32>(out + ((<usize>i) << 2), value);
      }
    }
    a += stride;
    out += 24;
  }
}

/** Packs `columns` ≤ width columns of B [k, columns] (columns contiguous). width is 8 or 16. */
export function packPanel(b: usize, ld: i32, columns: i32, k: i32, width: i32, out: usize): void {
  const stride = (<usize>ld) << 2;
  for (let p: i32 = 0; p < k; p++) {
    if (columns == width) {
      for (let j: usize = 0; j < (<usize>width) << 2; j += 32) {
        v128.store(out + j, v128.load(b + j));
        v128.store(out + j, v128.load(b + j, 16), 16);
      }
    } else {
      for (let j: i32 = 0; j < width; j++) {
        const value: f32 = j < columns ? load<f32>(b + ((<usize>j) << 2)) : 0;
        store<f32>(out + ((<usize>j) << 2), value);
      }
    }
    b += stride;
    out += (<usize>width) << 2;
  }
}

/** Packs `columns` ≤ width columns of B stored transposed [columns, k] (k contiguous). */
export function packPanelTransposed(b: usize, ld: i32, columns: i32, k: i32, width: i32, out: usize): void {
  const stride = (<usize>ld) << 2;
  const step = (<usize>width) << 2;
  for (let j: i32 = 0; j < width; j += lanes) {
    const from = b + <usize>j * stride;
    const to = out + ((<usize>j) << 2);
    let p: i32 = 0;
    if (j + lanes <= columns) {
      for (; p + lanes <= k; p += lanes) {
        const at = from + ((<usize>p) << 2);
        const r0 = v128.load(at);
        const r1 = v128.load(at + stride);
        const r2 = v128.load(at + 2 * stride);
        const r3 = v128.load(at + 3 * stride);
        const t0 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5);
        const t1 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
        const t2 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
        const t3 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
        const row = to + <usize>p * step;
        v128.store(row, v128.shuffle<f64>(t0, t2, 0, 2));
        v128.store(row + step, v128.shuffle<f64>(t0, t2, 1, 3));
        v128.store(row + 2 * step, v128.shuffle<f64>(t1, t3, 0, 2));
        v128.store(row + 3 * step, v128.shuffle<f64>(t1, t3, 1, 3));
      }
    }
    for (; p < k; p++) {
      for (let i: i32 = 0; i < lanes; i++) {
        const value: f32 = j + i < columns ? load<f32>(from + <usize>i * stride + ((<usize>p) << 2)) : 0;
        store<f32>(to + <usize>p * step + ((<usize>i) << 2), value);
      }
    }
  }
}
