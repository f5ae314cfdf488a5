/** Plain float64 linear algebra that the optimizers are held against. */
import { type Device, persistent, type Tensor } from "@baltoro/tensor";

/** Row-major [rows, columns]. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly values: Float64Array;
}

export function matrix(rows: number, columns: number, values: ArrayLike<number>): Matrix {
  if (values.length !== rows * columns) throw new Error(`${values.length} values for [${rows}, ${columns}]`);
  return { rows, columns, values: Float64Array.from(values) };
}

export function transpose({ rows, columns, values }: Matrix): Matrix {
  return matrix(
    columns,
    rows,
    values.map((_, i) => values[(i % rows) * columns + Math.floor(i / rows)]),
  );
}

export function multiply(a: Matrix, b: Matrix): Matrix {
  const out = new Float64Array(a.rows * b.columns);
  for (let i = 0; i < a.rows; i++) {
    for (let j = 0; j < b.columns; j++) {
      let sum = 0;
      for (let k = 0; k < a.columns; k++) sum += a.values[i * a.columns + k] * b.values[k * b.columns + j];
      out[i * b.columns + j] = sum;
    }
  }
  return matrix(a.rows, b.columns, out);
}

/** X / (safety · ‖X‖), then X ← aX + b(XXᵀ)X + c(XXᵀ)²X for each (a, b, c). */
export function newtonSchulzSteps(
  x: Matrix,
  coefficients: readonly (readonly [number, number, number])[],
  safety: number,
): Matrix {
  const norm = safety * Math.hypot(...x.values) + 1e-7;
  let current = matrix(
    x.rows,
    x.columns,
    x.values.map((value) => value / norm),
  );
  for (const [a, b, c] of coefficients) {
    const gram = multiply(current, transpose(current));
    const once = multiply(gram, current);
    const twice = multiply(gram, once);
    current = matrix(
      x.rows,
      x.columns,
      current.values.map((value, i) => a * value + b * once.values[i] + c * twice.values[i]),
    );
  }
  return current;
}

/** Singular values by one-sided Jacobi rotations (Hestenes 1958). */
export function singularValues(x: Matrix): number[] {
  const { rows, columns, values } = x.rows >= x.columns ? x : transpose(x);
  const a = values.slice();
  for (let sweep = 0; sweep < 40; sweep++) {
    let rotated = false;
    for (let p = 0; p < columns; p++) {
      for (let q = p + 1; q < columns; q++) {
        let [pp, qq, pq] = [0, 0, 0];
        for (let r = 0; r < rows; r++) {
          const [u, v] = [a[r * columns + p], a[r * columns + q]];
          pp += u * u;
          qq += v * v;
          pq += u * v;
        }
        if (Math.abs(pq) <= 1e-13 * Math.sqrt(pp * qq)) continue;
        rotated = true;
        const zeta = (qq - pp) / (2 * pq);
        const t = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.sqrt(1 + zeta * zeta));
        const cos = 1 / Math.sqrt(1 + t * t);
        const sin = cos * t;
        for (let r = 0; r < rows; r++) {
          const [u, v] = [a[r * columns + p], a[r * columns + q]];
          a[r * columns + p] = cos * u - sin * v;
          a[r * columns + q] = sin * u + cos * v;
        }
      }
    }
    if (!rotated) break;
  }
  return Array.from({ length: columns }, (_, c) =>
    Math.hypot(...Array.from({ length: rows }, (_, r) => a[r * columns + c])),
  );
}

/** A persistent tensor with values; `trained` gives it a gradient of its shape. */
export function parameterOf(
  device: Device,
  shape: readonly number[],
  values: ArrayLike<number>,
  trained = true,
): Tensor {
  const tensor = persistent(device, shape, "f32", "parameter");
  tensor.write(Float32Array.from(values));
  if (trained) {
    tensor.grad = persistent(device, shape, "f32", "gradient");
    tensor.gradDefined = true;
  }
  return tensor;
}
