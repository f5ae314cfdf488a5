import type { DiagnosisModel, ModelInput } from "../diagnosis/index.ts";
import type { Example } from "../examples/index.ts";
import type { FusionConfig, FusionModel } from "../model/index.ts";
import type { Calibration } from "./calibration.ts";
import type { EpochRecord } from "./checkpoint.ts";
import type { TrainingOptions } from "./options.ts";

export interface TrainRequest {
  readonly examples: readonly Example[];
  /** Chooses the epoch and fits the calibration. */
  readonly validation: readonly Example[];
  /** More notes to pre-train on, without labels. */
  readonly unlabelled?: readonly ModelInput[];
  readonly config?: Partial<FusionConfig>;
  readonly training?: Partial<TrainingOptions>;
  /**
   * Log-odds of another model for each example and validation note, [C]: this one is trained on what they leave. Those of examples must
   * come from models that did not see the example. For research: such a model predicts with `predictBeside` only.
   */
  readonly prior?: {
    readonly examples: readonly (readonly number[])[];
    readonly validation: readonly (readonly number[])[];
  };
  /** Default 1. */
  readonly seed?: number;
  /** Wall-clock limit, minutes: the schedule is shortened to end by then, and the result depends on the machine's speed. */
  readonly minutes?: number;
  /** Processor threads. Default all. */
  readonly threads?: number;
  readonly progress?: (progress: TrainProgress) => void;
  /** Stops between two steps; with a checkpoint directory `resume` goes on from the last whole epoch. */
  readonly signal?: AbortSignal;
  /** Where a checkpoint is kept while training goes on. */
  readonly checkpoint?: { readonly directory: string; readonly resume?: boolean };
}

export interface TrainProgress {
  readonly phase: "vocabulary" | "pretraining" | "training";
  readonly step: number;
  readonly steps: number;
  /** Of both phases. */
  readonly allSteps: number;
  readonly loss?: number;
  readonly tokensPerSecond?: number;
  /** Seconds since the start, and to go by the pace so far. */
  readonly elapsed: number;
  readonly left?: number;
  /** After an epoch: mean average precision on the validation notes. */
  readonly validation?: number;
}

/** A trained model: predicts, and can be saved. */
export interface TrainedModel extends DiagnosisModel {
  readonly model: FusionModel;
  readonly training: TrainingOptions;
  readonly seed: number;
  readonly calibration: readonly (Calibration | null)[];
  /** Mean average precision on the validation notes by epoch; the best was kept. */
  readonly history: readonly EpochRecord[];
  readonly figures: {
    readonly steps: number;
    readonly tokens: number;
    readonly seconds: number;
    readonly parameters: number;
  };
  /** As `predict`, where it was trained with a prior. */
  predictBeside(inputs: readonly ModelInput[], priors: readonly (readonly number[])[]): Promise<number[][]>;
  close(): Promise<void>;
}
