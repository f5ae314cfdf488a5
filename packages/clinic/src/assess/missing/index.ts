import { diseases, type MissingTest } from "../../diagnosis/index.ts";
import type { Item } from "../../extract/index.ts";
import { likelihoodAt, type TestDistribution } from "./distributions.ts";
import { expectedInformation, priorOf } from "./information.ts";
import { resultsOf, tests } from "./tests.ts";

/** Least expected information, bits, of a test that is named; most tests named. Less than this changes no ranking that anyone acts on. */
const leastGain = 0.02;
const most = 8;

/**
 * The tests that a note lacks, the most informative first. The test's value is taken as independent of the note's other findings given the
 * diseases, so that what a sister test has told already is counted again.
 *
 * @param text the note: a test that it tells of is not missing, though no result was read
 */
export function missingTests(
  items: readonly Item[],
  probabilities: readonly number[],
  ageMonths: number,
  distributions: readonly TestDistribution[],
  text = "",
): MissingTest[] {
  const prior = priorOf(probabilities);
  const found = distributions.flatMap((distribution) => {
    const test = tests.find(({ code }) => code === distribution.code);
    if (!test || resultsOf(test, items).length > 0 || test.told?.test(text)) return [];
    const { gain, change } = expectedInformation(prior, likelihoodAt(distribution, ageMonths));
    if (gain < leastGain) return [];
    const byDisease = Object.fromEntries(diseases.map((disease, c) => [disease, change[c]])) as MissingTest["change"];
    return [{ code: test.code, display: test.display, gain, change: byDisease }];
  });
  return found.sort((a, b) => b.gain - a.gain || (a.code < b.code ? -1 : 1)).slice(0, most);
}

export { estimateDistributions, likelihoodAt, type TestDistribution } from "./distributions.ts";
export { expectedInformation, priorOf } from "./information.ts";
