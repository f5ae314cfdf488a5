export { ConfigError } from "./config-error.ts";
export { costModel } from "./cost-model.ts";
export { equationOne } from "./equation-one.ts";
export { firstPrinciples } from "./first-principles.ts";
export { findHardware, type Hardware, hardwareNames } from "./hardware.ts";
export {
  fitMeasurements,
  type MeasuredFit,
  type Measurement,
  measuredCost,
  parseMeasurements,
  shippedFit,
} from "./measured.ts";
export { findModel, kimiK2, kvBytesPerToken, type ModelShape, modelNames, modelOfK2 } from "./models.ts";
export type { CostModel, CostName } from "./types.ts";
