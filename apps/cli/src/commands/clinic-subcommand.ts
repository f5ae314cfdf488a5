/** A subcommand of `baltoro clinic`. */
export interface Subcommand {
  /** One line for the list of subcommands. */
  readonly summary: string;
  readonly usage: string;
  run(args: string[]): Promise<number | undefined>;
}
