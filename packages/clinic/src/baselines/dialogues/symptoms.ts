import { type SparseRow, type SparseRows, sparseRows } from "../sparse.ts";

/** Annotated symptoms: by name, 1 has it, 0 has not, 2 unsure. Names of diseases are among them. */
export type Symptoms = Readonly<Record<string, string>>;

/**
 * Terms "name=state". A disease's name is one like any other: a case that was annotated 肺炎=2 is more like a pneumonia, whatever its label.
 * That is no leak, as terms of a dialogue that is judged are foreseen from its masked text, never read.
 */
function symptomTerms(symptoms: Symptoms): string[] {
  return Object.entries(symptoms).map(([name, state]) => `${name}=${state}`);
}

/** Terms of at least so many notes. */
export function learnSymptoms(all: readonly Symptoms[], fewestNotes = 8): Map<string, number> {
  const counts = new Map<string, number>();
  for (const symptoms of all) for (const term of symptomTerms(symptoms)) counts.set(term, (counts.get(term) ?? 0) + 1);
  const kept = [...counts].filter(([, count]) => count >= fewestNotes).map(([term]) => term);
  return new Map(kept.sort().map((term, i) => [term, i]));
}

export function symptomRows(all: readonly Symptoms[], terms: ReadonlyMap<string, number>): SparseRows {
  const rows = all.map(
    (symptoms): SparseRow =>
      symptomTerms(symptoms).flatMap((term) => {
        const column = terms.get(term);
        return column === undefined ? [] : [[column, 1] as const];
      }),
  );
  return sparseRows(rows, terms.size);
}

/** The same, [notes][terms]. */
export function symptomTargets(all: readonly Symptoms[], terms: ReadonlyMap<string, number>): Float64Array[] {
  return all.map((symptoms) => {
    const target = new Float64Array(terms.size);
    for (const term of symptomTerms(symptoms)) {
      const column = terms.get(term);
      if (column !== undefined) target[column] = 1;
    }
    return target;
  });
}
