import { type EncodedNote, perCode, withheld } from "../model/index.ts";
import { blotTokens, withoutText } from "./hide.ts";
import type { TrainingOptions } from "./options.ts";

/** What is withheld from the model in one step: some measurements, all of them, the text, single tokens. */
export function vary(note: EncodedNote, options: TrainingOptions, random: () => number): EncodedNote {
  const draw = random();
  if (draw < options.textDropout) return withoutText(note);
  const blotted = { ...note, tokens: blotTokens(note.tokens, options.tokenDropout, random) };
  if (draw < options.textDropout + options.structureDropout)
    return { ...blotted, structured: withheld(note.structured) };
  if (options.itemDropout === 0) return blotted;
  return { ...blotted, structured: dropItems(note.structured, options.itemDropout, random) };
}

function dropItems(
  structured: EncodedNote["structured"],
  share: number,
  random: () => number,
): EncodedNote["structured"] {
  const vector = structured.vector.slice();
  const measurements = structured.measurements.filter(({ item, code }) => {
    if (item < 0 || random() >= share) return true;
    vector.fill(0, code * perCode, (code + 1) * perCode);
    return false;
  });
  return { measurements, vector };
}
