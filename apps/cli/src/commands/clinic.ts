import type { Command } from "../usage.ts";
import { UsageError } from "../usage.ts";
import { audit } from "./clinic-audit.ts";
import { cohort } from "./clinic-cohort.ts";
import { deidentify } from "./clinic-deidentify.ts";
import { evaluate } from "./clinic-evaluate.ts";
import { extract } from "./clinic-extract.ts";
import { keys } from "./clinic-keys.ts";
import { prepare } from "./clinic-prepare.ts";
import type { Subcommand } from "./clinic-subcommand.ts";
import { train } from "./clinic-train.ts";

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

const width = Math.max(...Object.keys(subcommands).map((name) => name.length));
const overview = [
  "baltoro clinic SUBCOMMAND",
  ...Object.entries(subcommands).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`),
  "",
  "baltoro clinic SUBCOMMAND --help tells more.",
].join("\n");

const find = (name: string | undefined): Subcommand | undefined =>
  name !== undefined && Object.hasOwn(subcommands, name) ? subcommands[name] : undefined;

export const clinic: Command = {
  summary: "read clinical notes, train and judge models of diagnosis, keep keys and audit log",
  usage: overview,
  usageOf: ([name]) => find(name)?.usage,
  async run([name, ...args]) {
    const subcommand = find(name);
    if (!subcommand)
      throw new UsageError(
        `${name === undefined ? "a subcommand is missing" : `there is no subcommand ${name}`}; there is ${Object.keys(subcommands).join(", ")}`,
      );
    return subcommand.run(args);
  },
};
