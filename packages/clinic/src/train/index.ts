export { type Calibration, probability } from "./calibration.ts";
export { defaultTraining, type TrainingOptions } from "./options.ts";
export {
  hashOf,
  type LoadedModel,
  type LoadOptions,
  loadDiagnosisModel,
  type SaveOptions,
  saveDiagnosisModel,
} from "./save.ts";
export { type TrainedModel, type TrainProgress, type TrainRequest, trainDiagnosisModel } from "./train.ts";
