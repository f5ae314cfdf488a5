import type { Command } from "../usage.ts";
import { clinic } from "./clinic.ts";
import { diagnose } from "./diagnose.ts";
import { doctor } from "./doctor.ts";
import { evaluate } from "./eval.ts";
import { exportWeights } from "./export.ts";
import { generate } from "./generate.ts";
import { plan } from "./plan.ts";
import { serve } from "./serve.ts";
import { simulate } from "./simulate.ts";
import { trace } from "./trace.ts";
import { train } from "./train.ts";

/** All commands by name, in the order of the help. */
export const commands: Readonly<Record<string, Command>> = {
  train,
  generate,
  serve,
  eval: evaluate,
  export: exportWeights,
  simulate,
  plan,
  trace,
  diagnose,
  clinic,
  doctor,
};
