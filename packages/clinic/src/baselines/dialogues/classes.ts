import type { Disease } from "../../diagnosis/index.ts";
import { imcs, type Label } from "../../examples/index.ts";

/** The classes that are ranked: `diseases` without asthma, which these sets lack. */
export const ranked = ["pneumonia", "rti", "bronchitis"] as const;

/** The sets' own labels. */
export interface Classes {
  readonly labels: readonly string[];
  /** Of a label: its place in `labels`; −1 where it is none. */
  indexOf(label: string): number;
  /** Of a place in `labels`: the place in `ranked`, −1 where it is none of them. */
  readonly rankedAs: readonly number[];
}

export function classesOf(labels: Iterable<string>): Classes {
  const sorted = [...new Set(labels)].sort();
  const places = new Map(sorted.map((label, c) => [label, c]));
  return {
    labels: sorted,
    indexOf: (label) => places.get(label) ?? -1,
    rankedAs: sorted.map((label) => (ranked as readonly (Disease | undefined)[]).indexOf(imcs.classes[label])),
  };
}

/** What a case of another source says of its class: that it is one of a group, of those groups that the source tells apart. */
export type Group = "pneumonia" | "rti" | "bronchitis" | "diarrhea" | "dyspepsia";

/** The group that a label of the sets is of, if any. */
export const groupOfLabel = (label: string): Group | undefined =>
  label === "小儿腹泻"
    ? "diarrhea"
    : label === "小儿消化不良"
      ? "dyspepsia"
      : (imcs.classes[label] as Group | undefined);

/** Targets of `trainLogistic` with the link "sets". */
export function setTarget({ labels }: Classes, group: Group, told: readonly Group[]): number[] {
  return labels.map((label) => {
    const own = groupOfLabel(label);
    return own === undefined || !told.includes(own) ? Number.NaN : own === group ? 1 : 0;
  });
}

/** Groups that the reports' dialogues are of: these consultations were collected for these four. */
export const reportGroups = ["rti", "bronchitis", "diarrhea", "dyspepsia"] as const;

/** The one group that a report's diagnosis names without doubt; undefined where it names none or several. */
export function groupOfReport(diagnosis: string, [pneumonia, rti, bronchitis]: readonly Label[]): Group | undefined {
  if (pneumonia !== 0 || rti === undefined || bronchitis === undefined) return undefined;
  const sure = !/[?？待]|不能排除|可能/.test(diagnosis);
  const named: Record<(typeof reportGroups)[number], boolean> = {
    ...{ rti: rti === 1, bronchitis: bronchitis === 1 },
    ...{ diarrhea: sure && /腹泻/.test(diagnosis), dyspepsia: sure && /消化不良/.test(diagnosis) },
  };
  const found = reportGroups.filter((group) => named[group]);
  return found.length === 1 ? found[0] : undefined;
}

/** Groups that the self-reports tell apart. */
export const selfReportGroups = ["pneumonia", "rti"] as const;
