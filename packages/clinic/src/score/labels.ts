import type { Item, Status } from "../extract/index.ts";

/** One line of a label file: see packages/clinic/labels/README.md. */
export interface LabelledNote {
  readonly id: string;
  readonly items: readonly Item[];
}

const statuses: ReadonlySet<unknown> = new Set<Status>(["current", "past", "other"]);

/** Reads label lines. @throws SyntaxError that names the line, the item and what is wrong with it. */
export function parseLabels(lines: string, file = "labels"): LabelledNote[] {
  const notes: LabelledNote[] = [];
  const seen = new Map<string, number>();
  for (const [index, line] of lines.split("\n").entries()) {
    if (line.trim() === "") continue;
    const fail = (problem: string): never => {
      throw new SyntaxError(`${file}, line ${index + 1}: ${problem}`);
    };
    let note: unknown;
    try {
      note = JSON.parse(line);
    } catch (error) {
      fail(`not JSON (${(error as Error).message})`);
    }
    const { id, items } = (note ?? {}) as { id?: unknown; items?: unknown };
    if (typeof id !== "string" || id === "") return fail("id must be a string");
    if (!Array.isArray(items)) return fail("items must be a list");
    const first = seen.get(id);
    if (first !== undefined) fail(`note ${id} was labelled already on line ${first}`);
    seen.set(id, index + 1);
    for (const [i, item] of items.entries()) {
      const problem = problemOf(item);
      if (problem) fail(`item ${i} of note ${id}: ${problem}`);
    }
    notes.push({ id, items: items as Item[] });
  }
  return notes;
}

function problemOf(given: unknown): string | null {
  if (typeof given !== "object" || given === null) return "must be an object";
  const item = given as Record<string, unknown>;
  for (const field of ["code", "unit", "text"]) {
    if (typeof item[field] !== "string") return `${field} must be a string`;
  }
  for (const field of ["value", "low", "high"]) {
    if (item[field] !== undefined && !Number.isFinite(item[field])) return `${field} must be a finite number`;
  }
  if ((item["value"] === undefined) === (item["low"] === undefined)) return "needs either value, or low and high";
  if ((item["low"] === undefined) !== (item["high"] === undefined)) return "low and high come together";
  if ((item["low"] as number) > (item["high"] as number)) return "low is above high";
  const { start, end, text, status } = item;
  if (!Number.isInteger(start) || !Number.isInteger(end)) return "start and end must be integers";
  if ((start as number) < 0 || (end as number) - (start as number) !== (text as string).length) {
    return `end - start must be the length of text, ${(text as string).length}`;
  }
  if (!statuses.has(status)) return `status must be one of ${[...statuses].join(", ")}`;
  return null;
}
