import { isOf, type Term } from "../lexicon/index.ts";
import type { Note } from "./note.ts";
import type { Part, Quantity } from "./quantity.ts";
import { isHan } from "./scan.ts";

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
    if (this.#other < 0) return false;
    if (part.unit?.unit.includes("/L")) return false;
    if (!this.#han) return true;
    return part.unit === undefined && q.decimals === 0 && part.high <= 50;
  }
}
