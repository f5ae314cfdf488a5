import { basename } from "node:path";
import { type MetricsRecord, readMetrics } from "../metrics/index.ts";
import { type RunDirectory, type RunEnding, readEnding, readRunConfig } from "../runfiles/index.ts";

/** All that a report is made of. */
export interface RunReport {
  readonly name: string;
  /** One line below the name: what was trained on what. */
  readonly subtitle?: string;
  /** Steps that the run was planned for: where it has fewer, the report says so. */
  readonly steps?: number;
  /** τ of QK-Clip. */
  readonly qkClipThreshold?: number;
  /** Shown as tables; objects in it become groups. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Backend, threads, versions, seed. */
  readonly environment: Readonly<Record<string, unknown>>;
  readonly records: readonly MetricsRecord[];
  /** How the run ended, where it has and that is known. */
  readonly ending?: RunEnding;
}

/**
 * A run as its directory tells it. From config.json come `name`, `subtitle`, `steps`, `qkClipThreshold` and `environment`,
 * where they are there; `more` goes before them.
 */
export function loadRunReport(run: RunDirectory, more: Partial<RunReport> = {}): RunReport {
  const { environment, ...config } = readRunConfig(run);
  const ending = readEnding(run);
  const text = (value: unknown) => (typeof value === "string" ? value : undefined);
  const number = (value: unknown) => (typeof value === "number" ? value : undefined);
  return {
    name: text(config.name) ?? basename(run.path),
    subtitle: text(config.subtitle),
    steps: number(config.steps),
    qkClipThreshold: number(config.qkClipThreshold),
    environment:
      typeof environment === "object" && environment !== null ? (environment as Record<string, unknown>) : {},
    config,
    records: readMetrics(run.metrics),
    ...(ending ? { ending } : {}),
    ...more,
  };
}

/** A number of each record that has it. */
export function curveOf(
  records: readonly MetricsRecord[],
  pick: (record: MetricsRecord) => number | null | undefined,
  x: (record: MetricsRecord) => number | undefined = ({ step }) => step,
): { x: number; y: number | null }[] {
  return records.flatMap((record) => {
    const [at, y] = [x(record), pick(record)];
    if (at === undefined || y === undefined) return [];
    return [{ x: at, y: y !== null && Number.isFinite(y) ? y : null }];
  });
}

/** The largest of a list in which some may be unknown. */
export function largest(values: readonly (number | null)[] | undefined): number | null | undefined {
  if (values === undefined || values.length === 0) return undefined;
  const known = values.filter((value): value is number => value !== null && Number.isFinite(value));
  return known.length > 0 ? Math.max(...known) : null;
}

/** The last value that is known. */
export function lastOf<T>(
  records: readonly MetricsRecord[],
  pick: (record: MetricsRecord) => T | null | undefined,
): T | undefined {
  return records.map(pick).findLast((value) => value !== undefined && value !== null) ?? undefined;
}
