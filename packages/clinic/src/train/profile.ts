import { join } from "node:path";
import { writeFileAtomic } from "@baltoro/training";
import { fitProfile } from "../assess/profile/index.ts";
import type { Example } from "../examples/index.ts";
import { loadDiagnosisModel } from "./load.ts";

/** Notes that a model's profile is fitted on: those that it was trained on and those that it was chosen and calibrated on. */
export interface ProfileData {
  readonly train: readonly Example[];
  readonly validation: readonly Example[];
  /** Processor threads. Default one. */
  readonly threads?: number;
}

/**
 * Writes assess.json, what an assessment needs beside the weights, into the directory of a saved model. It becomes part of the model's
 * hash. Nothing is trained.
 */
export async function addProfile(directory: string, { train, validation, threads }: ProfileData): Promise<void> {
  const model = await loadDiagnosisModel(directory, threads === undefined ? {} : { threads });
  try {
    const probabilities = await model.predict(validation.map(({ input }) => input));
    const profile = fitProfile({ train, validation, probabilities });
    writeFileAtomic(join(directory, "assess.json"), `${JSON.stringify(profile)}\n`);
  } finally {
    await model.close();
  }
}
