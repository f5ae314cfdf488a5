import type { Command } from "../usage.ts";
import { clinic } from "./clinic.ts";
import { doctor } from "./doctor.ts";
import { evaluate } from "./eval.ts";
import { generate } from "./generate.ts";
import { serve } from "./serve.ts";
import { train } from "./train.ts";

/** All commands by name, in the order of the help. */
export const commands: Readonly<Record<string, Command>> = { train, generate, serve, eval: evaluate, clinic, doctor };
