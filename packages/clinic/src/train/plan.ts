import type { EncodedNote } from "../model/index.ts";
import { generator, shuffled } from "./random.ts";

/** Which notes a step takes, by index. */
export type Step = readonly number[];

/** Cuts a shuffled epoch into steps of about as many tokens each. The same seed and epoch give the same steps. */
export function planEpoch(notes: readonly EncodedNote[], stepTokens: number, seed: number, epoch: number): Step[] {
  const order = shuffled(notes.length, generator(seed, 1, epoch));
  const lengths = notes.map(({ tokens, structured }) => tokens.ids.length + structured.measurements.length);
  const total = lengths.reduce((sum, length) => sum + length, 0);
  const steps = Math.max(Math.round(total / stepTokens), 1);
  const plan: number[][] = [[]];
  let size = 0;
  for (const index of order) {
    if (size >= total / steps && plan.length < steps) {
      plan.push([]);
      size = 0;
    }
    plan[plan.length - 1].push(index);
    size += lengths[index];
  }
  return plan;
}
