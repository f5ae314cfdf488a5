import type { ModelInput } from "../../diagnosis/index.ts";
import type { Unit } from "./units.ts";

/**
 * The note as it would be without some of its units: their characters are gone, and so are the values in them. What follows moves up.
 *
 * @param units in the order of the text, not overlapping; those without a span take their items only
 */
export function without({ text, items }: ModelInput, units: readonly Unit[]): ModelInput {
  const gone = new Set(units.flatMap((unit) => unit.items));
  const spans = units.filter(({ start, end }) => end > start).toSorted((a, b) => a.start - b.start);
  let kept = "";
  let from = 0;
  for (const { start, end } of spans) {
    kept += text.slice(from, start);
    from = end;
  }
  kept += text.slice(from);
  const moved = (at: number): number => {
    let shift = 0;
    for (const { start, end } of spans) if (at >= end) shift += end - start;
    return at - shift;
  };
  const left = items.flatMap((item, i) =>
    gone.has(i) ? [] : [{ ...item, start: moved(item.start), end: moved(item.end) }],
  );
  return { text: kept, items: left };
}
