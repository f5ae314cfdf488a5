/** The command line is wrong: the message says how, and the usage follows. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** A command of the `baltoro` program. */
export interface Command {
  /** One line for the list of commands. */
  readonly summary: string;
  readonly usage: string;
  /** The usage that fits the arguments better, where they name a subcommand. */
  usageOf?(args: readonly string[]): string | undefined;
  /** Resolves to the exit code, 0 if undefined. */
  run(args: string[]): Promise<number | undefined>;
}

/** A whole number of an option. @throws UsageError */
export function integerOption(name: string, value: string | undefined, least = 1): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value.replaceAll("_", ""));
  if (!Number.isSafeInteger(number) || number < least)
    throw new UsageError(`--${name} is ${value}, expected a whole number from ${least}`);
  return number;
}

/** A number of an option. @throws UsageError */
export function numberOption(name: string, value: string | undefined, least = 0): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value);
  if (!Number.isFinite(number) || number < least)
    throw new UsageError(`--${name} is ${value}, expected a number from ${least}`);
  return number;
}

/** An option that must be there. @throws UsageError */
export function required(name: string, value: string | undefined): string {
  if (value === undefined || value === "") throw new UsageError(`--${name} is missing`);
  return value;
}
