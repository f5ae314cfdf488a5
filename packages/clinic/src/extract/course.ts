import type { Finding } from "./finding.ts";
import type { Status } from "./item.ts";

const age = "30525-0";

/** A smaller part of the child's age than this is an age that the child once had. */
const earlier = 0.67;

/** So many times the child's age is another's, or a mistake. */
const another = 3;

/** As much as two statements of one age may differ: 十个月 and 十个半月. */
const alike = 1.15;

type Statuses = readonly (Status | undefined)[];

/** The age that those which count give most often, the first of them where none is repeated, in months, and how often. */
function mainAge(findings: readonly Finding[], counts: (i: number) => boolean): [number, number] {
  const times = new Map<number, number>();
  for (const [i, { low }] of findings.entries()) if (counts(i)) times.set(low, (times.get(low) ?? 0) + 1);
  return [...times].reduce((best, one) => (one[1] > best[1] ? one : best), [Number.NaN, 0]);
}

/**
 * A child has one age. Where a note gives several as the child's now, one well below the main one is of something earlier, and one far
 * above a repeated one is not the child's.
 */
export function settleAges(findings: readonly Finding[], statuses: Statuses): (Status | undefined)[] {
  const now = (i: number): boolean => findings[i].code === age && statuses[i] === "current";
  const [main, count] = mainAge(findings, now);
  return statuses.map((status, i) => {
    if (!now(i)) return status;
    const { low, high } = findings[i];
    if (high < earlier * main) return "past";
    return count > 1 && low > another * main ? "other" : status;
  });
}

/** The findings that are no ages, but how long something lasted: loose ones where the child's firm ages are others. */
export function durationsAmong(findings: readonly Finding[], statuses: Statuses): Set<number> {
  const now = (i: number): boolean => findings[i].code === age && statuses[i] === "current";
  const firm = new Set(findings.flatMap(({ low, loose }, i) => (now(i) && !loose ? [stepOf(low)] : [])));
  const isOther = ({ low }: Finding): boolean =>
    firm.size > 0 && [-1, 0, 1].every((near) => !firm.has(stepOf(low) + near));
  return new Set(findings.flatMap((finding, i) => (finding.loose && now(i) && isOther(finding) ? [i] : [])));
}

/** Ages within a step of each other are alike. Steps, since to compare each loose age with each firm one takes too long. */
function stepOf(months: number): number {
  return Math.round(Math.log(Math.max(months, 0.03)) / Math.log(alike));
}
