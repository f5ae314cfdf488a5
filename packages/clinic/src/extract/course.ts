import type { Finding } from "./finding.ts";
import type { Status } from "./item.ts";

const age = "30525-0";

/** A smaller part of the child's age than this is an age that the child once had. */
const earlier = 0.67;

/** So many times the child's age is another's, or a mistake. */
const another = 3;

/**
 * A child has one age. Where a note gives several as the child's now, the one given most often holds, the first of them where none is
 * repeated; one well below it is of something earlier, and one far above a repeated one is not the child's.
 */
export function settleAges(findings: readonly Finding[], statuses: readonly Status[]): Status[] {
  const now = (i: number): boolean => findings[i].code === age && statuses[i] === "current";
  const times = new Map<number, number>();
  for (const [i, { low }] of findings.entries()) if (now(i)) times.set(low, (times.get(low) ?? 0) + 1);
  const [main, count] = [...times].reduce((best, one) => (one[1] > best[1] ? one : best), [Number.NaN, 0]);
  return statuses.map((status, i) => {
    if (!now(i)) return status;
    const { low, high } = findings[i];
    if (high < earlier * main) return "past";
    return count > 1 && low > another * main ? "other" : status;
  });
}

/** As much as two statements of one age may differ: 十个月 and 十个半月. */
const alike = 1.2;

/** The findings that are no ages, but how long something lasted: loose ones where a firm age of the child is another. */
export function durationsAmong(findings: readonly Finding[], statuses: readonly Status[]): Set<number> {
  const now = findings.flatMap(({ code, low, loose }, i) =>
    code === age && statuses[i] === "current" && !loose ? [low] : [],
  );
  const isOther = ({ low }: Finding): boolean =>
    now.length > 0 && now.every((months) => low > months * alike || months > low * alike);
  return new Set(findings.flatMap((finding, i) => (finding.loose && isOther(finding) ? [i] : [])));
}
