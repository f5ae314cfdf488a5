import { createHash } from "node:crypto";
import type { Example } from "./example.ts";

/** Order by which notes are dealt: none that their order in the file or their labels could bend. */
function hashOf(id: string, salt: string): string {
  return createHash("sha256").update(`${salt}/${id}`).digest("hex");
}

/**
 * The fold of each example, 0…count − 1: within each label, notes in the order of their ids' hashes are dealt out in turn, so that
 * folds have the same shares of each label. Depends on ids and labels alone, not on the order of the examples.
 */
export function assignFolds(examples: readonly Example[], count: number, salt = "fold"): number[] {
  const strata = new Map<string, { index: number; hash: string }[]>();
  for (const [index, { id, label, labels }] of examples.entries()) {
    const key = label ?? labels.join();
    const stratum = strata.get(key) ?? [];
    stratum.push({ index, hash: hashOf(id, salt) });
    strata.set(key, stratum);
  }
  const folds = new Array<number>(examples.length).fill(0);
  let next = 0;
  for (const key of [...strata.keys()].sort()) {
    const stratum = strata.get(key) as { index: number; hash: string }[];
    stratum.sort((a, b) => (a.hash < b.hash ? -1 : 1));
    for (const { index } of stratum) folds[index] = next++ % count;
  }
  return folds;
}
