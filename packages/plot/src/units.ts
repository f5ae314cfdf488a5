/** 950, 1.23k, 45.6M, 1.20B: three significant digits. */
export function compactNumber(value: number): string {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  for (const [unit, suffix] of units) {
    // 999.6 would be printed as 1000: it belongs to the next unit.
    if (size >= unit * 0.9995) return `${(value / unit).toPrecision(3)}${suffix}`;
  }
  return size >= 100 || Number.isInteger(value) ? value.toFixed(0) : value.toPrecision(size >= 1 ? 3 : 2);
}

const units = [
  [1e12, "T"],
  [1e9, "B"],
  [1e6, "M"],
  [1e3, "k"],
] as const;

/** 12,345 */
export function groupedInteger(value: number): string {
  return Math.round(value).toLocaleString("en");
}

/** 0.0s, 42s, 3m 05s, 2h 07m, 3d 4h: two units at most. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return "–";
  if (seconds < 9.95) return `${seconds.toFixed(1)}s`;
  const whole = Math.round(seconds);
  const two = (value: number) => String(value).padStart(2, "0");
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${two(whole % 60)}s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)}h ${two(minutes % 60)}m`;
  const hours = Math.round(seconds / 3600);
  if (hours >= 1000 * 24) return ">999d";
  return `${Math.floor(hours / 24)}d ${hours % 24}h`;
}

/** 2.00e-3: learning rates. */
export function rate(value: number): string {
  return Number.isFinite(value) ? value.toExponential(2) : "–";
}
