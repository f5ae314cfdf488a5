import { isOf, type Term } from "../lexicon/index.ts";
import { isClass, type Note, punctuationAt } from "./note.ts";
import type { Part, Quantity } from "./quantity.ts";
import { isHan } from "./scan.ts";
import { inHan } from "./unnamed.ts";

/** What the note speaks of: a white cell count after "urinalysis" is not of blood. */
export class Specimen {
  readonly #note: Note;
  #other = -1;
  #han = false;

  constructor(note: Note) {
    this.#note = note;
  }

  /** Takes notice of a term. */
  see(at: number, term: Term): void {
    if (isOf(term, "specimenBlood")) this.#other = -1;
    else if (isOf(term, "specimenOther")) {
      this.#other = at;
      this.#han = isHan(this.#note.codes[this.#note.tokens.start[at]]);
    }
  }

  /** An English specimen holds for its sentence; a Chinese one, in which sentences run short, until another is named. */
  endSentence(): void {
    if (!this.#han) this.#other = -1;
  }

  /** Whether the number is of that other specimen. Counters give blood cells with decimals or with a unit. */
  excludes(part: Part, q: Quantity): boolean {
    if (part.low < part.high && part.unit === undefined && q.decimals === 0 && this.#isRangeOfMicroscopy(q))
      return true;
    if (this.#other < 0) return false;
    if (part.unit?.unit.includes("/L")) return false;
    if (!this.#han) return true;
    return part.unit === undefined && q.decimals === 0 && part.high <= 50;
  }

  /** 白细胞15-20 without a unit is counted under the microscope; in blood only a reference is given so. */
  #isRangeOfMicroscopy(q: Quantity): boolean {
    const note = this.#note;
    if (!inHan(note, q.from)) return false;
    for (let at = q.from - 1; at >= q.from - 8 && at >= 0; at--)
      if (isClass(note, at, "reference") || punctuationAt(note, at) === 0x28) return false;
    return true;
  }
}
