import type { Result } from "../case.ts";
import type { Strings } from "../strings/index.ts";
import type { Measure } from "./parts.ts";
import { createSheet, type Sheet } from "./sheet.ts";

/** Tried in this order until the sheet holds it all and leaves room for the note. */
const measures: readonly Measure[] = [
  { flags: 24, values: 32, evidence: 3, missing: 6 },
  { flags: 24, values: 24, evidence: 2, missing: 5 },
  { flags: 24, values: 18, evidence: 1, missing: 4 },
  { flags: 16, values: 12, evidence: 1, missing: 2 },
  { flags: 10, values: 8, evidence: 0, missing: 1 },
];

/** No sheet holds more of a note than this. */
const mostCharacters = 6000;

/** Whenever the page is printed, prints the result on one sheet of A4 instead of the screen. */
export function preparePrint(what: () => { readonly result: Result; readonly words: Strings } | undefined): void {
  let sheet: HTMLElement | undefined;
  addEventListener("beforeprint", () => {
    const given = what();
    if (given) sheet = fit(given.result, given.words);
  });
  addEventListener("afterprint", () => {
    sheet?.remove();
    sheet = undefined;
  });
}

/** Makes a sheet, puts it in the document and leaves off it what it has no room for. */
function fit(result: Result, words: Strings): HTMLElement {
  const now = new Date();
  const whole = Math.min(result.text.length, mostCharacters);
  const least = Math.min(whole, 240);
  let sheet: Sheet | undefined;
  for (const measure of measures) {
    sheet?.root.remove();
    sheet = createSheet(result, words, measure, now);
    sheet.root.classList.add("measured");
    document.body.append(sheet.root);
    if (holds(sheet, least)) break;
  }
  if (sheet === undefined) throw new Error("there is no measure of a sheet");
  if (!holds(sheet, whole)) sheet.showNote(mostThat(whole, (characters) => holds(sheet as Sheet, characters)));
  sheet.root.classList.remove("measured");
  return sheet.root;
}

/** Whether a sheet has room for so much of the note. It has the height of the paper, the note what the rest leaves of it. */
function holds({ root, showNote }: Sheet, characters: number): boolean {
  showNote(characters);
  // Rounding may take a pixel.
  return [root, ...root.querySelectorAll(".note-part")].every((part) => part.scrollHeight <= part.clientHeight + 1);
}

/** The largest number up to `most`, to within 16, of which `isTrue`, which holds of all numbers below one. */
function mostThat(most: number, isTrue: (value: number) => boolean): number {
  let [low, high] = [0, most];
  while (high - low > 16) {
    const middle = (low + high) >> 1;
    if (isTrue(middle)) low = middle;
    else high = middle;
  }
  return low;
}
