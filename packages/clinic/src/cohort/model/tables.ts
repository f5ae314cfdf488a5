import { readFileSync } from "node:fs";

export type Setting = "primary" | "outpatient" | "emergency" | "inpatient";
export const settings = ["primary", "outpatient", "emergency", "inpatient"] as const;

export type Agent = "viral" | "bacterial" | "mycoplasma" | "none";

/** When a row of a table holds: all that is given must be so. */
export interface When {
  readonly condition?: string;
  readonly agent?: Agent;
  readonly severe?: boolean;
  readonly fever?: boolean;
  readonly underMonths?: number;
  readonly fromMonths?: number;
}

/** Keys of sources.json. */
type Sources = readonly string[];

/** Where several rows hold, the last one counts. */
export interface ShareRow<Key extends string> extends When {
  readonly share: Readonly<Partial<Record<Key, number>>>;
  readonly source: Sources;
}

export interface Population {
  readonly bandsSource: Sources;
  /** Months, `from` ≤ age < `to`. */
  readonly bands: readonly { readonly from: number; readonly to: number; readonly share: number }[];
  /** `percent` by band; each band is normalized to 1. */
  readonly combinations: readonly {
    readonly conditions: readonly string[];
    readonly percent: readonly number[];
    readonly source: Sources;
  }[];
  readonly agents: readonly ShareRow<Agent>[];
  readonly severe: readonly (When & { readonly share: number; readonly source: Sources })[];
  readonly settings: readonly ShareRow<Setting>[];
}

/** Odds are multiplied by `odds` where the row holds; a row with a condition changes that condition's own probability alone. */
export interface Adjustment extends When {
  readonly odds: number;
}

/** What is said in words. Of two conditions either may cause it (noisy or); of levels the mean is taken. */
export interface FindingRow {
  readonly id: string;
  readonly group: "history" | "background" | "exam" | "lungs" | "tests";
  /** Probability that a note of full detail mentions it where it is present, and where it is absent. */
  readonly stated: readonly [number, number];
  readonly levels?: readonly string[];
  readonly base: number | readonly number[];
  readonly given: Readonly<Record<string, number | readonly number[]>>;
  readonly adjust?: readonly Adjustment[];
  /** Exists only where this finding is present. */
  readonly requires?: string;
  /** Too young a child cannot say it. */
  readonly toldFromMonths?: number;
  /** Known only where this panel was ordered. */
  readonly panel?: string;
  readonly source: Sources;
}

/** `median`, or the baseline `times` or `plus` something; in the value's own unit. `sd` is on the scale. */
export interface Effect extends When {
  readonly median?: number;
  readonly times?: number;
  readonly plus?: number;
  readonly sd?: number;
}

/** A measured value: normal on its scale. Of two conditions the one that moves it further counts. */
export interface ValueRow {
  readonly id: string;
  readonly code: string;
  readonly scale: "linear" | "log" | "logit";
  /** To which it is printed. */
  readonly step: number;
  readonly panel: string;
  /** What is printed is this minus the value. */
  readonly invert?: number;
  /** Less than this is printed as a bound. */
  readonly below?: number;
  readonly baseline: readonly { readonly fromMonths?: number; readonly median: number; readonly sd: number }[];
  readonly fever?: { readonly times?: number; readonly plus?: number; readonly sd?: number };
  readonly effects: readonly Effect[];
  readonly source: Sources;
}

export interface PanelRow {
  readonly id: string;
  readonly ordered: Readonly<Record<Setting, number>>;
  readonly adjust?: readonly Adjustment[];
  readonly source: Sources;
}

function read<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../data/${name}.json`, import.meta.url), "utf8")) as T;
}

export const population = read<Population>("population");
export const { findings } = read<{ findings: readonly FindingRow[] }>("findings");
export const { values, panels } = read<{ values: readonly ValueRow[]; panels: readonly PanelRow[] }>("values");
export const sources = read<Readonly<Record<string, string>>>("sources");
