export { type Calibration, probability } from "./calibration.ts";
export { type CardFacts, modelCard } from "./card.ts";
export { checkpointPath, removeCheckpoint } from "./checkpoint.ts";
export { hashOf, type LoadedModel, type LoadOptions, loadDiagnosisModel } from "./load.ts";
export {
  exampleOfNote,
  type LocalNote,
  type LocalNotes,
  type LocalSplit,
  readLocalNotes,
  splitLocalNotes,
} from "./local/index.ts";
export { defaultTraining, type TrainingOptions } from "./options.ts";
export { addProfile, type ProfileData } from "./profile.ts";
export type { TrainedModel, TrainProgress, TrainRequest } from "./request.ts";
export { type SaveOptions, saveDiagnosisModel } from "./save.ts";
export { trainDiagnosisModel } from "./train.ts";
