import type { RedFlag } from "../diagnosis/index.ts";

/** How an excerpt speaks of a sign of danger. `supposed`: asked, warned of, possible. `other`: of another person. */
export type SignStatus = "present" | "denied" | "supposed" | "past" | "other";

/** A sign of danger in a note: UTF-16 code units of the note, `end` exclusive. */
export interface LabelledSign {
  /** A code of `RedFlag`. */
  readonly kind: string;
  readonly status: SignStatus;
  readonly start: number;
  readonly end: number;
}

/** A part of a note, and what it says of danger. */
export interface LabelledExcerpt {
  readonly id: string;
  readonly start: number;
  readonly end: number;
  readonly signs: readonly LabelledSign[];
}

const statuses: ReadonlySet<unknown> = new Set<SignStatus>(["present", "denied", "supposed", "past", "other"]);

/** Reads lines of labelled excerpts. @throws SyntaxError that names the line and what is wrong with it */
export function parseSignLabels(lines: string, file = "labels"): LabelledExcerpt[] {
  return lines.split("\n").flatMap((line, index) => {
    if (line.trim() === "") return [];
    const fail = (problem: string): never => {
      throw new SyntaxError(`${file}, line ${index + 1}: ${problem}`);
    };
    let value: Partial<LabelledExcerpt> | null = null;
    try {
      value = JSON.parse(line) as Partial<LabelledExcerpt> | null;
    } catch {
      fail("not JSON");
    }
    const { id, start, end, signs } = value ?? {};
    if (typeof id !== "string" || id === "") return fail("id must be a string");
    if (!isRange(start, end)) return fail("start and end must be integers, start below end");
    if (!Array.isArray(signs)) return fail("signs must be a list");
    for (const [i, sign] of (signs as Partial<LabelledSign>[]).entries()) {
      if (typeof sign?.kind !== "string") fail(`sign ${i}: kind must be a string`);
      if (!statuses.has(sign.status)) fail(`sign ${i}: status must be one of ${[...statuses].join(", ")}`);
      if (!isRange(sign.start, sign.end) || sign.start! < start! || sign.end! > end!)
        fail(`sign ${i}: start and end must be integers within the excerpt`);
    }
    return [{ id, start: start!, end: end!, signs: signs as LabelledSign[] }];
  });
}

function isRange(start: unknown, end: unknown): boolean {
  return (
    Number.isInteger(start) && Number.isInteger(end) && (start as number) >= 0 && (start as number) < (end as number)
  );
}

/** Kinds that are grades of one sign, or name the same state of a child: any of them is an alarm for the others. */
const families: readonly (readonly string[])[] = [
  ["cannot-drink", "poor-feeding"],
  ["lethargy", "drowsy"],
  ["stridor-calm", "stridor"],
  ["severe-respiratory-distress", "respiratory-distress"],
  ["spo2-low", "hypoxaemia"],
  ["fast-breathing", "fast-breathing-stated"],
  ["shock", "cold-extremities", "capillary-refill"],
];

/** The name under which a kind is counted: its family's first. */
export function signFamily(kind: string): string {
  return families.find((family) => family.includes(kind))?.[0] ?? kind;
}

/** Counts of excerpts, of one family of signs. */
export interface SignScore {
  readonly kind: string;
  /** Excerpts that state it as present, and those of them with a flag. */
  readonly present: number;
  readonly found: number;
  /** Excerpts with a flag. */
  readonly flagged: number;
  /** Excerpts that name it otherwise only, by status: how many there are, and how many have a flag. */
  readonly otherwise: Readonly<
    Record<Exclude<SignStatus, "present">, { readonly named: number; readonly flagged: number }>
  >;
}

/** One excerpt on which the rules and a reader differ. */
export interface SignError {
  readonly excerpt: number;
  readonly kind: string;
  readonly error: "missed" | "raised";
}

/**
 * Compares flags with labels, excerpt by excerpt and family by family.
 *
 * @param flags what the rules raise in each excerpt, as `excerpts`
 */
export function scoreSigns(
  excerpts: readonly LabelledExcerpt[],
  flags: readonly (readonly Pick<RedFlag, "code">[])[],
): { readonly kinds: SignScore[]; readonly errors: SignError[] } {
  const raised = flags.map((list) => new Set(list.map(({ code }) => signFamily(code))));
  const names = new Set([
    ...excerpts.flatMap(({ signs }) => signs.map(({ kind }) => signFamily(kind))),
    ...raised.flatMap((set) => [...set]),
  ]);
  const errors: SignError[] = [];
  const kinds = [...names].sort().map((kind): SignScore => {
    let [present, found, flagged] = [0, 0, 0];
    const otherwise = {
      denied: { named: 0, flagged: 0 },
      supposed: { named: 0, flagged: 0 },
      past: { named: 0, flagged: 0 },
      other: { named: 0, flagged: 0 },
    };
    for (const [excerpt, { signs }] of excerpts.entries()) {
      const said = new Set(signs.filter((sign) => signFamily(sign.kind) === kind).map(({ status }) => status));
      const has = raised[excerpt].has(kind);
      if (has) flagged++;
      if (said.has("present")) {
        present++;
        if (has) found++;
        else errors.push({ excerpt, kind, error: "missed" });
        continue;
      }
      if (has) errors.push({ excerpt, kind, error: "raised" });
      for (const status of said) {
        const count = otherwise[status as Exclude<SignStatus, "present">];
        count.named++;
        if (has) count.flagged++;
      }
    }
    return { kind, present, found, flagged, otherwise };
  });
  return { kinds, errors };
}
