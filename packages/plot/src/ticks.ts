/** Ticks of an axis and how they are written. */
export interface Ticks {
  readonly values: readonly number[];
  readonly labels: readonly string[];
  /** Power of ten that the labels leave out (shown beside the unit), 0 where they are complete. */
  readonly exponent: number;
}

/**
 * Round numbers (1, 2 or 5 times a power of ten) within [min, max], about `count` of them.
 * @throws RangeError unless min < max, both finite.
 */
export function linearTicks(min: number, max: number, count: number): Ticks {
  checkDomain(min, max);
  const step = niceStep((max - min) / Math.max(count, 1));
  const first = Math.ceil(min / step - 1e-9);
  const last = Math.floor(max / step + 1e-9);
  // Multiples of the step, not sums: 0.1 + 0.2 would show.
  const values = Array.from({ length: last - first + 1 }, (_, i) => snap((first + i) * step));
  return { values, ...linearLabels(values, step) };
}

/**
 * Powers of ten within [min, max] and, where these are few, 2 and 5 times them or more multiples; for much less than a
 * decade round numbers as on a linear axis.
 * @throws RangeError unless 0 < min < max.
 */
export function logTicks(min: number, max: number, count: number): Ticks {
  checkDomain(min, max);
  if (min <= 0) throw new RangeError(`ticks: a logarithmic axis starts above 0, not at ${min}`);
  const candidates = [[1], [1, 3], [1, 2, 5], [1, 2, 3, 5], [1, 1.5, 2, 3, 4, 5, 7]];
  const sets = candidates.map((multiples) => multiplesWithin(min, max, multiples));
  const values = sets.findLast((set) => set.length <= Math.max(count + 1, 4)) ?? everyNth(sets[0], count);
  if (values.length < 3) return linearTicks(min, max, count);
  return { values, labels: values.map(shortNumber), exponent: 0 };
}

/** Fewer of too many decades. */
function everyNth(values: readonly number[], count: number): number[] {
  const every = Math.ceil(values.length / Math.max(count, 2));
  return values.filter((_, i) => i % every === 0);
}

/**
 * Bounds for an axis with room for `values`: round ones where they are near, else a little more than the values need, so
 * that the curves fill the picture. A lower bound near 0 is 0. Equal values get room around them.
 */
export function niceDomain(values: Iterable<number>, count: number): [number, number] {
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  if (min > max) return [0, 1];
  if (min === max) {
    const room = Math.abs(min) / 10 || 1;
    return [snap(min - room), snap(max + room)];
  }
  const step = niceStep((max - min) / Math.max(count, 1));
  const room = (max - min) * 0.04;
  const [below, above] = [snap(Math.floor(min / step + 1e-9) * step), snap(Math.ceil(max / step - 1e-9) * step)];
  if (min >= 0 && min <= (max - min) * 0.15) return [0, above - max > step / 2 ? max + room : above];
  return [min - below > step / 3 ? min - room : below, above - max > step / 2 ? max + room : above];
}

function niceStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  const multiple = rough / power;
  return (multiple < 1.5 ? 1 : multiple < 3.5 ? 2 : multiple < 7.5 ? 5 : 10) * power;
}

function multiplesWithin(min: number, max: number, multiples: readonly number[]): number[] {
  const values: number[] = [];
  for (let power = Math.floor(Math.log10(min)); power <= Math.ceil(Math.log10(max)); power++) {
    for (const multiple of multiples) {
      const value = snap(multiple * 10 ** power);
      if (value >= min * (1 - 1e-9) && value <= max * (1 + 1e-9)) values.push(value);
    }
  }
  return values;
}

function linearLabels(values: readonly number[], step: number): Pick<Ticks, "labels" | "exponent"> {
  const largest = Math.max(...values.map(Math.abs));
  const exponent = largest > 0 && largest < 0.01 ? Math.floor(Math.log10(largest) + 1e-9) : 0;
  const [unit, suffix] =
    largest >= 1e9 ? [1e9, "B"] : largest >= 1e6 ? [1e6, "M"] : largest >= 1e4 ? [1e3, "k"] : [10 ** exponent, ""];
  const decimals = Math.max(0, -Math.floor(Math.log10(step / unit) + 1e-9));
  const format = (value: number) =>
    value === 0
      ? decimals > 0 && suffix === ""
        ? (0).toFixed(decimals)
        : "0"
      : (value / unit).toLocaleString("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals }) +
        suffix;
  return { labels: values.map(format), exponent };
}

/** 0.02, 5, 2k */
function shortNumber(value: number): string {
  if (value >= 1e9) return `${snap(value / 1e9)}B`;
  if (value >= 1e6) return `${snap(value / 1e6)}M`;
  if (value >= 1e4) return `${snap(value / 1e3)}k`;
  return value >= 1e-4 ? value.toLocaleString("en", { maximumFractionDigits: 4 }) : value.toExponential();
}

/** Takes the rounding error of a product off. */
function snap(value: number): number {
  return Number(value.toPrecision(12));
}

function checkDomain(min: number, max: number): void {
  if (!(Number.isFinite(min) && Number.isFinite(max) && min < max))
    throw new RangeError(`ticks: domain ${min} … ${max}`);
}
