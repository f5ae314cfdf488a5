/** Value and gradient at a point: the gradient is written into `gradient`. */
export type Objective = (point: Float64Array, gradient: Float64Array) => number;

export interface MinimizeOptions {
  /** Default 200. */
  readonly iterations?: number;
  /** Stops where no entry of the gradient is above it. Default 1e-5. */
  readonly tolerance?: number;
}

const memory = 10;

/** Minimizes a smooth function by L-BFGS (Liu & Nocedal 1989) with backtracking (Armijo). Changes `point` into the minimum. */
export function minimize(objective: Objective, point: Float64Array, options: MinimizeOptions = {}): number {
  const { iterations = 200, tolerance = 1e-5 } = options;
  const n = point.length;
  let gradient = new Float64Array(n);
  let next = new Float64Array(n);
  let value = objective(point, gradient);
  const pairs: { s: Float64Array; y: Float64Array; rho: number }[] = [];
  for (let iteration = 0; iteration < iterations; iteration++) {
    if (largest(gradient) <= tolerance) break;
    const direction = descent(gradient, pairs);
    let slope = dot(direction, gradient);
    if (slope >= 0) {
      pairs.length = 0;
      for (let i = 0; i < n; i++) direction[i] = -gradient[i];
      slope = dot(direction, gradient);
    }
    let step = pairs.length === 0 ? Math.min(1, 1 / Math.sqrt(-slope)) : 1;
    const trial = new Float64Array(n);
    let found = Number.POSITIVE_INFINITY;
    for (let halvings = 0; halvings < 40; halvings++, step /= 2) {
      for (let i = 0; i < n; i++) trial[i] = point[i] + step * direction[i];
      found = objective(trial, next);
      if (found <= value + 1e-4 * step * slope) break;
    }
    // Rounding lets nothing better be found: this is the minimum.
    if (!(found < value)) break;
    const [s, y] = [new Float64Array(n), new Float64Array(n)];
    for (let i = 0; i < n; i++) {
      s[i] = trial[i] - point[i];
      y[i] = next[i] - gradient[i];
    }
    const curvature = dot(s, y);
    if (curvature > 1e-12 * dot(y, y)) {
      pairs.push({ s, y, rho: 1 / curvature });
      if (pairs.length > memory) pairs.shift();
    }
    point.set(trial);
    value = found;
    [gradient, next] = [next, gradient];
  }
  return value;
}

function descent(
  gradient: Float64Array,
  pairs: readonly { s: Float64Array; y: Float64Array; rho: number }[],
): Float64Array {
  const direction = gradient.map((g) => -g);
  const alphas: number[] = [];
  for (let k = pairs.length - 1; k >= 0; k--) {
    const { s, y, rho } = pairs[k];
    alphas[k] = rho * dot(s, direction);
    add(direction, y, -alphas[k]);
  }
  const last = pairs[pairs.length - 1];
  if (last) {
    const scale = 1 / (last.rho * dot(last.y, last.y));
    for (let i = 0; i < direction.length; i++) direction[i] *= scale;
  }
  for (const [k, { s, y, rho }] of pairs.entries()) add(direction, s, alphas[k] - rho * dot(y, direction));
  return direction;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

function add(a: Float64Array, b: Float64Array, factor: number): void {
  for (let i = 0; i < a.length; i++) a[i] += factor * b[i];
}

function largest(values: Float64Array): number {
  let most = 0;
  for (const value of values) most = Math.max(most, Math.abs(value));
  return most;
}
