import type { Assessment } from "@baltoro/clinic";
import type { Problem } from "../api/problem.ts";
import { type Cell, createCell } from "../dom/cell.ts";
import type { Assess } from "./assess.ts";
import { toProblem } from "./problems.ts";

/** An age as it stands in its two fields. */
export interface AgeFields {
  readonly years: string;
  readonly months: string;
}

/** An assessment with what it is of. */
export interface Result {
  readonly text: string;
  readonly age: AgeFields;
  readonly assessment: Assessment;
  readonly milliseconds: number;
}

/** How an assessment ended. `superseded`: another took its place, or the note changed. */
export type Outcome = "done" | "failed" | "cancelled" | "superseded";

/** One patient's note and what came of it. It is held in memory alone. */
export interface Case {
  readonly text: Cell<string>;
  readonly age: Cell<AgeFields>;
  readonly result: Cell<Result | undefined>;
  readonly running: Cell<boolean>;
  readonly problem: Cell<Problem | undefined>;
  /** Whether the note and the age are those of the result. */
  isCurrent(): boolean;
  assess(): Promise<Outcome>;
  cancel(): void;
  /** Puts another note in the place of this one, which can be had back by {@link previous}. */
  replace(text: string): void;
  /** Changes the note for the one before it, result and all. Returns false where there is none. */
  previous(): boolean;
  hasPrevious(): boolean;
}

interface Kept {
  readonly text: string;
  readonly age: AgeFields;
  readonly result: Result | undefined;
}

const noAge: AgeFields = { years: "", months: "" };

/** Makes a {@link Case}. An answer that comes after its note changed is dropped. `now` in milliseconds. */
export function createCase(assess: Assess, now: () => number = () => performance.now()): Case {
  const text = createCell("");
  const age = createCell(noAge);
  const result = createCell<Result | undefined>(undefined);
  const running = createCell(false);
  const problem = createCell<Problem | undefined>(undefined);
  let current: AbortController | undefined;
  let before: Kept | undefined;

  const same = (a: AgeFields, b: AgeFields) => a.years.trim() === b.years.trim() && a.months.trim() === b.months.trim();

  function stop(reason: Outcome): void {
    current?.abort(reason);
    current = undefined;
    running.set(false);
  }

  function put(next: Kept): void {
    const now = { text: text.get(), age: age.get(), result: result.get() };
    before = now.text.trim() === "" ? before : now;
    if (next === before) before = undefined;
    problem.set(undefined);
    text.set(next.text);
    age.set(next.age);
    result.set(next.result);
  }

  // The first call of a watcher comes at once, when nothing runs yet.
  text.watch(() => stop("superseded"));
  age.watch(() => stop("superseded"));

  return {
    text,
    age,
    result,
    running,
    problem,
    isCurrent() {
      const last = result.get();
      return last !== undefined && last.text === text.get() && same(last.age, age.get());
    },
    async assess() {
      stop("superseded");
      const control = new AbortController();
      current = control;
      const asked = { text: text.get(), age: age.get() };
      const months = ageMonths(asked.age);
      problem.set(undefined);
      running.set(true);
      const start = now();
      try {
        const request = { text: asked.text, ...(typeof months === "number" ? { ageMonths: months } : {}) };
        const assessment = await assess(request, control.signal);
        if (current !== control) return control.signal.aborted ? (control.signal.reason as Outcome) : "superseded";
        current = undefined;
        running.set(false);
        result.set({ ...asked, assessment, milliseconds: now() - start });
        return "done";
      } catch (error) {
        if (current !== control) return control.signal.aborted ? (control.signal.reason as Outcome) : "superseded";
        current = undefined;
        running.set(false);
        problem.set(toProblem(error));
        return "failed";
      }
    },
    cancel: () => stop("cancelled"),
    replace(next) {
      put({ text: next, age: noAge, result: undefined });
    },
    previous() {
      if (before === undefined) return false;
      put(before);
      return true;
    },
    hasPrevious: () => before !== undefined,
  };
}

/** Months of an age in its two fields; undefined where both are empty, "bad" where they say no age. */
export function ageMonths({ years, months }: AgeFields): number | "bad" | undefined {
  if (years.trim() === "" && months.trim() === "") return undefined;
  const parts = [years, months].map((part) =>
    part.trim() === "" ? 0 : /^\d{1,4}$/.test(part.trim()) ? Number(part) : NaN,
  );
  return parts[0] <= 120 && parts[1] <= 1440 ? parts[0] * 12 + parts[1] : "bad";
}
