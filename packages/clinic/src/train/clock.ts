import type { EncodedNote } from "../model/index.ts";
import type { TrainProgress, TrainRequest } from "./request.ts";

export type Phase = "pretraining" | "training";

/** Steps, tokens and time: where a phase stands, how long is left, and whether a time limit is used up. */
export function createClock(
  request: TrainRequest,
  started: number,
  pretrainingSteps: number,
  trainingSteps: number,
  before: {
    readonly pretraining: number;
    readonly training: number;
    readonly tokens: number;
    readonly seconds: number;
  },
) {
  const { progress, minutes } = request;
  const steps = { pretraining: pretrainingSteps, training: trainingSteps };
  const done = { pretraining: before.pretraining, training: before.training };
  const begun = { pretraining: Number.NaN, training: Number.NaN };
  const seconds = () => before.seconds + (performance.now() - started) / 1000;
  const limit = minutes === undefined ? Number.POSITIVE_INFINITY : minutes * 60;
  // A limit is shared out as the steps are.
  const ends = {
    pretraining: (limit * pretrainingSteps) / Math.max(pretrainingSteps + trainingSteps, 1),
    training: limit,
  };
  let { tokens } = before;
  let last: TrainProgress | undefined;
  const fraction = (phase: Phase) => {
    if (Number.isNaN(begun[phase])) begun[phase] = seconds();
    const bySteps = done[phase] / steps[phase];
    const span = ends[phase] - begun[phase];
    return Math.min(Math.max(bySteps, limit === Number.POSITIVE_INFINITY ? 0 : (seconds() - begun[phase]) / span), 1);
  };
  return {
    fraction,
    spent: (phase: Phase) => limit !== Number.POSITIVE_INFINITY && fraction(phase) >= 1,
    tick(phase: Phase, notes: readonly EncodedNote[], loss: number) {
      done[phase]++;
      for (const note of notes) tokens += note.tokens.ids.length;
      const elapsed = seconds();
      const share = (done.pretraining + done.training) / (pretrainingSteps + trainingSteps);
      last = {
        ...{ phase, step: done[phase], steps: steps[phase], allSteps: pretrainingSteps + trainingSteps },
        ...{ loss, elapsed, tokensPerSecond: tokens / elapsed },
        left: Math.min((elapsed * (1 - share)) / share, limit - elapsed),
      };
      progress?.(last);
    },
    report(validation: number) {
      if (last) progress?.({ ...last, elapsed: seconds(), validation });
    },
    figures: () => ({ steps: done.pretraining + done.training, tokens, seconds: seconds() }),
  };
}

/** Up over the first twentieth, then down to a twentieth of the peak as a cosine. */
export function ramp(fraction: number): number {
  const warm = 0.05;
  if (fraction < warm) return (fraction + 0.002) / warm;
  return 0.05 + 0.95 * 0.5 * (1 + Math.cos((Math.PI * (fraction - warm)) / (1 - warm)));
}
