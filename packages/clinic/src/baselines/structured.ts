import { type MeasurementColumns, type Measurements, measurementColumns } from "./measurements.ts";
import { type SparseRow, type SparseRows, sparseRows } from "./sparse.ts";

/** Centre and width of each column among the training notes that have it. */
export interface StructuredScale extends MeasurementColumns {
  readonly centres: readonly number[];
  readonly widths: readonly number[];
}

export function learnStructuredScale(all: readonly Measurements[], columns: MeasurementColumns): StructuredScale {
  const moments = measurementColumns(all, columns).map((column) => {
    const known = column.filter((value) => !Number.isNaN(value));
    const centre = known.reduce((sum, value) => sum + value, 0) / known.length;
    const variance = known.reduce((sum, value) => sum + (value - centre) ** 2, 0) / known.length;
    return { centre, width: Math.sqrt(variance) || 1 };
  });
  return { ...columns, centres: moments.map(({ centre }) => centre), widths: moments.map(({ width }) => width) };
}

/** Of each column that a note has: that it is there, its standardized value z (cut at ±4) and z². Missing ones are 0. */
export function structuredRows(all: readonly Measurements[], scale: StructuredScale, factor = 1): SparseRows {
  const rows = all.map(
    (one): SparseRow =>
      scale.names.flatMap((name, i) => {
        const value = one.get(name);
        if (value === undefined) return [];
        const z = Math.max(-4, Math.min(4, (value - scale.centres[i]) / scale.widths[i]));
        return [
          [3 * i, factor],
          [3 * i + 1, factor * z],
          [3 * i + 2, (factor * z * z) / 4],
        ] as const;
      }),
  );
  return sparseRows(rows, 3 * scale.names.length);
}
