import { duration } from "@baltoro/plot";

/** 0.4 ms, 87 ms, 3.07 s, 125 s, 12m 05s; – for null. */
export function time(ms: number | null): string {
  if (ms === null || !Number.isFinite(ms)) return "–";
  if (ms === 0) return "0 ms";
  if (ms < 999.5) return `${significant(ms)} ms`;
  return ms < 599_500 ? `${significant(ms / 1000)} s` : duration(ms / 1000);
}

/** 93.1 %; two decimals below 1 %. */
export function share(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return "–";
  const percent = value * 100;
  return `${percent.toFixed(percent !== 0 && percent < 1 ? 2 : 1)} %`;
}

/** 640 B, 1.23 GB, 40.1 TB. */
export function bytes(value: number): string {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let [scaled, unit] = [value, 0];
  while (scaled >= 999.5 && unit < units.length - 1) [scaled, unit] = [scaled / 1000, unit + 1];
  return `${significant(scaled)} ${units[unit]}`;
}

/** Three digits, no more decimals than say something. */
export function significant(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  const text = size >= 99.95 ? Math.round(size).toLocaleString("en") : String(Number(size.toPrecision(3)));
  return value < 0 && text !== "0" ? `−${text}` : text;
}

/** 12,031 */
export function count(value: number): string {
  return Math.round(value).toLocaleString("en");
}
