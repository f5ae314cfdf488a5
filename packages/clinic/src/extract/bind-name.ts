import type { Term } from "../lexicon/index.ts";
import type { Binding } from "./binding.ts";
import { createLabel } from "./label.ts";
import { linked, numberFollows, pairFollows, standsNear } from "./surroundings.ts";

/** Makes a term the name that the next number belongs to, if it names or suggests a measurement. */
export function bindName(binding: Binding, at: number, term: Term): void {
  const { note, label } = binding;
  if (term.row) {
    const labels = term.row.map((observation) => createLabel([observation], at));
    binding.label = { ...labels.at(-1)!, waiting: labels.slice(0, -1) };
    return;
  }
  const near = term.contextual
    .filter((entry) => standsNear(note, at, entry.near))
    .map(({ observation }) => observation);
  const names = [...term.names, ...near];
  if (names.length > 0) {
    const joins = label !== undefined && !label.spent && label.strength === "name" && label.observations.length > 0;
    const waiting = joins && linked(note, label.at, at) ? [...label.waiting, label] : [];
    binding.label = createLabel(names, at, { pair: term.pair, waiting: waiting.slice(-3) });
    // 月龄 and 多少斤 say the unit too.
    if (term.unit?.age === "always" || /^(多少|几)/.test(term.spelling)) binding.label.lastUnit = term.unit;
  } else if (term.foreign) binding.label = createLabel([], at);
  else if (term.short.length > 0 && numberFollows(note, at))
    binding.label = createLabel(term.short, at, { strength: "short" });
  else if (term.pair && pairFollows(note, at)) {
    const pressure = note.lexicon.observations.findIndex(({ code }) => code === "8480-6");
    binding.label = createLabel([pressure], at, { pair: true });
  } else if (term.hints.length > 0) bindHint(binding, at, term);
}

/** A hint takes the place of a name that has had its number, which it remembers: "WBC 7 …, measured today 4". */
function bindHint(binding: Binding, at: number, term: Term): void {
  const { label } = binding;
  const waits = label?.strength === "name" && !label.spent && (label.observations.length > 0 || label.cost < 0.5);
  if (waits) return;
  const before = label?.spent && label.strength !== "hint" && label.observations.length > 0 ? label : label?.before;
  binding.label = createLabel(term.hints, at, { strength: "hint", before });
}
