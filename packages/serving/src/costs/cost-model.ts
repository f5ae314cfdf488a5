import { equationOne } from "./equation-one.ts";
import { firstPrinciples } from "./first-principles.ts";
import { findHardware } from "./hardware.ts";
import { measuredCost, shippedFit } from "./measured.ts";
import { findModel } from "./models.ts";
import type { CostModel, CostName } from "./types.ts";

/** A cost model by names, from the tables. @throws ConfigError naming the field that is not known or cannot be. */
export function costModel(of: {
  readonly model: string;
  readonly hardware: string;
  readonly cost: CostName;
  readonly mfu: number;
}): CostModel {
  const model = findModel(of.model);
  const hardware = findHardware(of.hardware);
  if (of.cost === "equation-1") return equationOne(model, hardware, of.mfu);
  if (of.cost === "first-principles") return firstPrinciples(model, hardware, of.mfu);
  return measuredCost(model, hardware, shippedFit(of.model, of.hardware));
}
