import { type Disease, diseases } from "../diagnosis/index.ts";
import type { Example } from "../examples/index.ts";
import { type BootstrapOptions, bootstrap, type Estimate } from "./bootstrap.ts";
import { averagePrecisionOf, rank } from "./ranking.ts";

/**
 * Mean average precision of one model less another's on the same notes, with the paired bootstrap's 95 % interval.
 *
 * @param chosen the diseases of the mean; default those with known labels of both kinds
 */
export function compareMeanAveragePrecision(
  examples: readonly Example[],
  ours: readonly (readonly number[])[],
  theirs: readonly (readonly number[])[],
  options: BootstrapOptions & { readonly chosen?: readonly Disease[] } = {},
): { readonly ours: Estimate; readonly theirs: Estimate; readonly difference: Estimate } {
  const columns = diseases.flatMap((disease, index) => {
    if (options.chosen && !options.chosen.includes(disease)) return [];
    const notes = Int32Array.from(examples.keys()).filter((i) => examples[i].labels[index] !== undefined);
    const labels = [...notes].map((i) => examples[i].labels[index] as 0 | 1);
    if (!labels.includes(1) || !labels.includes(0)) return [];
    const of = (scores: readonly (readonly number[])[]) =>
      rank(
        [...notes].map((i) => scores[i][index]),
        labels,
      );
    return [{ notes, ours: of(ours), theirs: of(theirs) }];
  });
  return bootstrap(
    examples.length,
    (counts) => {
      const own = columns.map(({ notes }) => counts && notes.map((i) => counts[i]));
      const mean = (side: "ours" | "theirs") =>
        columns.reduce((sum, column, c) => sum + averagePrecisionOf(column[side], own[c]), 0) / columns.length;
      const [a, b] = [mean("ours"), mean("theirs")];
      return { ours: a, theirs: b, difference: a - b };
    },
    options,
  );
}

/** Accuracy of one classifier less another's on the same notes, paired. */
export function compareAccuracy(
  ours: readonly boolean[],
  theirs: readonly boolean[],
  options: BootstrapOptions = {},
): { readonly ours: Estimate; readonly theirs: Estimate; readonly difference: Estimate } {
  const share = (hits: readonly boolean[], counts: Int32Array | undefined) =>
    hits.reduce((sum, hit, i) => sum + (hit ? (counts ? counts[i] : 1) : 0), 0) / hits.length;
  return bootstrap(
    ours.length,
    (counts) => {
      const [a, b] = [share(ours, counts), share(theirs, counts)];
      return { ours: a, theirs: b, difference: a - b };
    },
    options,
  );
}
