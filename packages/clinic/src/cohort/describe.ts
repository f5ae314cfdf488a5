import { type Disease, diseases } from "../diagnosis/index.ts";
import type { CohortRecord } from "./record.ts";

/** What a cohort is made of. Shares are of its notes. */
export interface CohortDescription {
  readonly count: number;
  readonly languages: Readonly<Record<string, number>>;
  /** With how many of the four diseases. */
  readonly diseasesEach: readonly number[];
  readonly prevalence: Readonly<Record<Disease, number>>;
  /** Years of age, `from` ≤ age < `to`. */
  readonly byAge: readonly {
    readonly from: number;
    readonly to: number;
    readonly count: number;
    readonly prevalence: Readonly<Record<Disease, number>>;
  }[];
  /** Share of the notes of a setting that state a value, by LOINC code. */
  readonly stated: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Average precision of the generator's own posterior: the ceiling. */
  readonly ceiling: Readonly<Record<Disease, number>>;
  readonly ceilingMap: number;
}

const years = [0, 1, 3, 6, 10, 17] as const;

export function describeCohort(records: readonly CohortRecord[]): CohortDescription {
  const count = records.length;
  const share = (list: readonly CohortRecord[], disease: Disease): number =>
    list.filter(({ labels }) => labels.includes(disease)).length / Math.max(list.length, 1);
  const prevalence = (list: readonly CohortRecord[]) => byDisease((disease) => share(list, disease));
  const ceiling = byDisease((disease) =>
    averagePrecision(
      records.map(({ posterior }) => posterior[disease]),
      records.map(({ labels }) => labels.includes(disease)),
    ),
  );
  const codes = [...new Set(records.flatMap(({ truth }) => Object.keys(truth)))].sort();
  const bySetting = Map.groupBy(records, ({ setting }) => setting);
  return {
    count,
    languages: shares(records.map(({ language }) => language)),
    diseasesEach: [0, 1, 2].map((n) => records.filter(({ labels }) => labels.length === n).length / Math.max(count, 1)),
    prevalence: prevalence(records),
    byAge: years.slice(0, -1).map((from, i) => {
      const to = years[i + 1];
      const list = records.filter(({ ageMonths }) => ageMonths >= from * 12 && ageMonths < to * 12);
      return { from, to, count: list.length, prevalence: prevalence(list) };
    }),
    stated: Object.fromEntries(
      [...bySetting].map(([setting, list]) => [
        setting,
        Object.fromEntries(codes.map((code) => [code, list.filter(({ truth }) => code in truth).length / list.length])),
      ]),
    ),
    ceiling,
    ceilingMap: diseases.reduce((sum, disease) => sum + ceiling[disease], 0) / diseases.length,
  };
}

function byDisease(value: (disease: Disease) => number): Record<Disease, number> {
  return Object.fromEntries(diseases.map((disease) => [disease, value(disease)])) as Record<Disease, number>;
}

function shares(list: readonly string[]): Record<string, number> {
  return Object.fromEntries(
    [...Map.groupBy(list, (each) => each)].map(([each, all]) => [each, all.length / list.length]),
  );
}

/** Mean of the precision at each positive, best score first; ties keep their order. NaN without positives. */
export function averagePrecision(scores: readonly number[], positives: readonly boolean[]): number {
  const order = scores.map((_, i) => i).sort((a, b) => scores[b] - scores[a]);
  let found = 0;
  let sum = 0;
  order.forEach((i, rank) => {
    if (positives[i]) sum += ++found / (rank + 1);
  });
  return sum / found;
}
