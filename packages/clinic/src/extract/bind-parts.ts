import { type Binding, emit, fit, spend } from "./binding.ts";
import type { Label } from "./label.ts";
import { type Note, termAt } from "./note.ts";
import type { Quantity } from "./quantity.ts";
import { read } from "./reading.ts";

/** Numbers with slashes between: one for each of several names, a blood gas, a pressure, or one measurement in two units. */
export function bindParts(binding: Binding, label: Label, q: Quantity): boolean {
  const { note } = binding;
  const codes = label.observations.map((i) => note.lexicon.observations[i].code);
  const row = [...label.waiting, label];
  if (row.length === q.parts.length && !label.spent) {
    const found = row.map((one, i) => fit(binding, one, q.parts[i], q));
    if (found.every((one) => one !== undefined)) {
      for (const [i, one] of found.entries()) emit(binding, row[i], one, q);
      spend(binding, label);
      return true;
    }
  }
  if (codes.includes("2744-1") && q.parts.length >= 3 && !q.date) {
    bindGas(binding, label, q);
    return true;
  }
  if (label.pair && bindPressure(binding, label, q)) {
    spend(binding, label);
    return true;
  }
  if (codes[0] !== "8310-5" && codes[0] !== "29463-7") return false;
  const found = fit(binding, label, q.parts[0], q);
  if (found) emit(binding, label, found, q);
  spend(binding, label);
  return found !== undefined;
}

/** pH/pCO2/pO2, the order in which a gas is written. */
function bindGas(binding: Binding, label: Label, q: Quantity): void {
  for (const [i, code] of ["2744-1", "2019-8", "2703-7"].entries()) {
    const observation = observationOf(binding.note, code);
    const decimals = q.parts[i].low % 1 === 0 ? 0 : 1;
    const reading = read(binding.note.lexicon.observations[observation], q.parts[i], decimals);
    if (reading) emit(binding, label, { observation, reading }, q);
  }
  spend(binding, label);
}

/** Systolic over diastolic; false if the numbers cannot be that. */
export function bindPressure(binding: Binding, label: Label | undefined, q: Quantity): boolean {
  if (q.parts.length !== 2 || q.date) return false;
  const unit = q.unit?.unit === "kPa" || q.unit?.unit === "mm[Hg]" ? q.unit : undefined;
  const [systolic, diastolic] = ["8480-6", "8462-4"].map((code, i) => {
    const observation = observationOf(binding.note, code);
    return { observation, reading: read(binding.note.lexicon.observations[observation], { ...q.parts[i], unit }, 0) };
  });
  if (!systolic.reading || !diastolic.reading || systolic.reading.high <= diastolic.reading.low) return false;
  emit(binding, label, { ...systolic, reading: systolic.reading }, q);
  emit(binding, label, { ...diastolic, reading: diastolic.reading }, q);
  return true;
}

/** Whether a pressure was read not long ago, so that a bare pair may be another. */
export function pressureBefore({ note, findings }: Binding, q: Quantity): boolean {
  const last = findings.slice(-6).findLast(({ code }) => code === "8462-4");
  if (last !== undefined && q.from - last.to <= 30) return true;
  // "has gotten under 100/60": a pair of such a size is no dose unless a drug's name stands before it.
  const [systolic, diastolic] = q.parts;
  const sized = systolic.low >= 80 && systolic.low <= 220 && diastolic?.low >= 40 && diastolic.low <= 130;
  return sized && systolic.low >= diastolic.low + 15 && q.unit === undefined && termAt(note, q.from - 1) !== undefined;
}

function observationOf({ lexicon }: Note, wanted: string): number {
  return lexicon.observations.findIndex(({ code }) => code === wanted);
}
