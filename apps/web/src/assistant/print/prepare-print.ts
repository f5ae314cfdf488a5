import type { Result } from "../case.ts";
import type { Strings } from "../strings/index.ts";
import { type Measure, printSheet } from "./sheet.ts";

/** Tried in this order until the sheet holds it all and leaves room for the note. */
const measures: readonly Measure[] = [
  { flags: 6, values: 32, evidence: 3, missing: 6 },
  { flags: 6, values: 24, evidence: 2, missing: 5 },
  { flags: 5, values: 18, evidence: 1, missing: 4 },
  { flags: 4, values: 12, evidence: 1, missing: 2 },
  { flags: 3, values: 8, evidence: 0, missing: 1 },
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

/** Makes a sheet, puts it in the document and takes off it what it has no room for. */
function fit(result: Result, words: Strings): HTMLElement {
  const now = new Date();
  const whole = Math.min(result.text.length, mostCharacters);
  let sheet: HTMLElement | undefined;
  const fits = (measure: Measure, characters: number) => {
    sheet?.remove();
    sheet = printSheet(result, words, measure, characters, now);
    sheet.classList.add("measured");
    document.body.append(sheet);
    // The sheet has the height of the paper, the note what the rest leaves of it; rounding may take a pixel.
    const parts = [sheet, ...sheet.querySelectorAll(".note-part")];
    return parts.every((part) => part.scrollHeight <= part.clientHeight + 1);
  };
  const least = Math.min(whole, 240);
  const measure = measures.find((each) => fits(each, least)) ?? measures[measures.length - 1];
  if (!fits(measure, whole)) {
    let [low, high] = [0, whole];
    while (high - low > 8) {
      const middle = (low + high) >> 1;
      if (fits(measure, middle)) low = middle;
      else high = middle;
    }
    fits(measure, low);
  }
  sheet?.classList.remove("measured");
  return sheet as unknown as HTMLElement;
}
