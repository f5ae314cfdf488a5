import type { Command } from "../usage.ts";
import { UsageError } from "../usage.ts";
import { audit } from "./clinic-audit.ts";
import { cohort } from "./clinic-cohort.ts";
import { deidentify } from "./clinic-deidentify.ts";
import { evaluate } from "./clinic-evaluate.ts";
import { extract } from "./clinic-extract.ts";
import { keys } from "./clinic-keys.ts";
import { prepare } from "./clinic-prepare.ts";
import { train } from "./clinic-train.ts";

/** A subcommand: its line in the usage, and what it does. */
export interface Subcommand {
  readonly usage: string;
  run(args: string[]): Promise<number | undefined>;
}

const subcommands: Readonly<Record<string, Subcommand>> = {
  extract,
  cohort,
  train,
  evaluate,
  prepare,
  keys,
  audit,
  deidentify,
};

const usage = Object.values(subcommands)
  .map((subcommand) => subcommand.usage)
  .join("\n\n");

export const clinic: Command = {
  summary: "read clinical notes, train and judge models of diagnosis, keep keys and audit log",
  usage,
  async run([name, ...args]) {
    if (name === undefined || !Object.hasOwn(subcommands, name))
      throw new UsageError(
        `${name === undefined ? "a subcommand is missing" : `there is no subcommand ${name}`}; there is ${Object.keys(subcommands).join(", ")}`,
      );
    return subcommands[name].run(args);
  },
};
