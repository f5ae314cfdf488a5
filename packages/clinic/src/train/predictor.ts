import type { ModelInput } from "../diagnosis/index.ts";
import { type FusionModel, logitsOf } from "../model/index.ts";
import { type Calibration, probability } from "./calibration.ts";

/** A model and its calibration as something that predicts: NaN for a disease that was not learned. */
export function predictor(model: FusionModel, calibration: readonly (Calibration | null)[], name: string) {
  const calibrated = (logits: readonly (readonly number[])[]) =>
    logits.map((row) =>
      row.map((logit, c) => {
        const one = calibration[c];
        return one ? probability(logit, one) : Number.NaN;
      }),
    );
  return {
    name,
    model,
    calibration,
    async predict(inputs: readonly ModelInput[]): Promise<number[][]> {
      const logits = await logitsOf(
        model,
        inputs.map((input) => model.encode(input)),
      );
      return calibrated(logits);
    },
    /** As `predict`, for a model that was trained with a prior: another model's log-odds for each input, [C]. */
    async predictBeside(inputs: readonly ModelInput[], priors: readonly (readonly number[])[]): Promise<number[][]> {
      const logits = await logitsOf(
        model,
        inputs.map((input, n) => ({ ...model.encode(input), prior: priors[n] })),
      );
      return calibrated(logits);
    },
    close: () => model.device.close(),
  };
}
