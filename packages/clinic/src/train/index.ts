export { type TrainedModel, type TrainProgress, type TrainRequest, trainDiagnosisModel } from "./train.ts";
