import { type K2Model, namedWeights } from "@baltoro/k2";
import { empty, fill, scope } from "@baltoro/tensor";

/** Training diverged: a loss, a gradient or the weights are no numbers any more. The last checkpoint is from before. */
export class DivergedError extends Error {
  override name = "DivergedError";
}

/** The error for a step: what was seen, which checkpoint is left, and what to do. `saved` is 0 where there is none. */
export function divergedAt(step: number, what: string, saved: number, learningRate: number): DivergedError {
  const checkpoint = saved > 0 ? `The checkpoint of step ${saved} is from before` : "No checkpoint was written yet";
  return new DivergedError(
    `training diverged at step ${step}: ${what}. ${checkpoint}: start again with a lower learning rate (${learningRate.toPrecision(3)} here), a longer warm-up or some z-loss`,
  );
}

/** Norm of all weights, in f32: no finite number where one of them is none, or so large that its square is none. */
export async function weightNorm({ device, weights }: K2Model): Promise<number> {
  const squared = scope(device, () => {
    const total = empty(device, [1], "f32", "squared weight norm");
    const partials = empty(device, [256], "f32", "weight norm partials");
    fill(total, 0);
    for (const { tensor } of namedWeights(weights)) {
      device.backend.enqueue("sumSquares", {
        x: tensor.buffer,
        partials: partials.buffer,
        y: total.buffer,
        n: tensor.size,
        accumulate: 1,
      });
    }
    return total;
  });
  const value = await squared.item();
  squared.release();
  return Math.sqrt(value);
}
