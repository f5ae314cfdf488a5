import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { arch, availableParallelism, cpus, platform, totalmem } from "node:os";

/** A target. It is missed where the value is not finite. */
export interface Check {
  readonly name: string;
  readonly value: number;
  readonly atLeast?: number;
  readonly atMost?: number;
}

/** What a benchmark gives back. */
export interface BenchResult {
  /** Everything measured, for machines. */
  readonly figures: Record<string, unknown>;
  readonly checks: readonly Check[];
  /** The same for people. */
  readonly lines: readonly string[];
}

export interface BenchOptions {
  readonly json: boolean;
  /** Arguments after the benchmark's name, less --json. */
  readonly args: readonly string[];
}

/** What bench/NAME.ts exports. */
export interface BenchModule {
  run(options: BenchOptions): Promise<BenchResult>;
}

/** Whether a check is met. */
export function passes({ value, atLeast, atMost }: Check): boolean {
  return (
    Number.isFinite(value) &&
    value >= (atLeast ?? Number.NEGATIVE_INFINITY) &&
    value <= (atMost ?? Number.POSITIVE_INFINITY)
  );
}

/** The machine that the figures are of. */
export function describeMachine(): Record<string, unknown> {
  return {
    cpu: cpuModel(),
    threads: availableParallelism(),
    memoryGb: Math.round((totalmem() / 2 ** 30) * 10) / 10,
    os: `${platform()} ${arch()}`,
  };
}

/** Versions of what runs, and the commit where there is one. */
export function describeVersions(): Record<string, string> {
  const { node, v8 } = process.versions;
  const commit = git("rev-parse", "--short", "HEAD");
  const changed = commit && git("status", "--porcelain");
  return { node, v8, ...(commit ? { commit: changed ? `${commit}, changed` : commit } : {}) };
}

function cpuModel(): string {
  const named = cpus()[0]?.model.trim();
  if (named && named !== "unknown") return named;
  const info = existsSync("/proc/cpuinfo") ? readFileSync("/proc/cpuinfo", "utf8") : "";
  return /^model name\s*:\s*(.+)$/m.exec(info)?.[1] ?? "unknown";
}

function git(...args: string[]): string | null {
  try {
    return execFileSync("git", args, {
      cwd: import.meta.dirname,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  } catch {
    return null;
  }
}

/** Columns of text: the first to the left, the others to the right where they are numbers. */
export function textTable(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = header.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i].length)));
  const numeric = header.map((_, i) => rows.every((row) => /^[≥≤]?\s?(-?[\d∞]|NaN)/.test(row[i])));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => (numeric[i] ? cell.padStart(widths[i]) : cell.padEnd(widths[i])))
      .join("  ")
      .trimEnd();
  return [line(header), widths.map((width) => "─".repeat(width)).join("  "), ...rows.map(line)];
}

/** A number with four significant digits. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  return value.toLocaleString("en", { maximumSignificantDigits: 4, useGrouping: Math.abs(value) >= 1e4 });
}

/** Median of measurements. @throws RangeError where there is none. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError("median of nothing");
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The object of the last line. */
export function benchReport(bench: string, { figures, checks }: BenchResult): Record<string, unknown> {
  return {
    bench,
    machine: describeMachine(),
    versions: describeVersions(),
    figures,
    checks: checks.map((check) => ({ ...check, pass: passes(check) })),
  };
}

/** The table of checks for people. */
export function checkTable(checks: readonly Check[]): string[] {
  if (checks.length === 0) return [];
  const target = ({ atLeast, atMost }: Check) =>
    [atLeast === undefined ? "" : `≥ ${figure(atLeast)}`, atMost === undefined ? "" : `≤ ${figure(atMost)}`]
      .filter(Boolean)
      .join(", ");
  const rows = checks.map((check) => [check.name, figure(check.value), target(check), passes(check) ? "pass" : "miss"]);
  return textTable(["check", "value", "target", "result"], rows);
}
