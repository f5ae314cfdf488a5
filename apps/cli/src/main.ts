import { commands } from "./commands/index.ts";
import { UsageError } from "./usage.ts";

/** Prints what there is, one line a command. */
function help(): string {
  const width = Math.max(...Object.keys(commands).map((name) => name.length));
  const lines = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`);
  return [
    "baltoro: train, serve and use K2-architecture models",
    "",
    ...lines,
    "",
    "baltoro COMMAND --help tells more.",
  ].join("\n");
}

// Whoever reads our output may stop, as `head` does: that is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit();
});

const [name, ...args] = process.argv.slice(2);
if (name === undefined || name === "--help" || name === "-h" || name === "help") {
  console.log(help());
} else if (!Object.hasOwn(commands, name)) {
  console.error(`baltoro: there is no command ${name}\n\n${help()}`);
  process.exitCode = 2;
} else {
  const command = commands[name];
  const usage = command.usageOf?.(args) ?? command.usage;
  try {
    if (args.includes("--help") || args.includes("-h")) console.log(usage);
    else process.exitCode = (await command.run(args)) ?? 0;
  } catch (error) {
    const misused = error instanceof UsageError || (error as { code?: string }).code?.startsWith("ERR_PARSE_ARGS");
    console.error(`baltoro ${name}: ${(error as Error).message}`);
    if (misused) console.error(`\n${usage}`);
    if (process.env["BALTORO_DEBUG"] === "1") console.error((error as Error).stack);
    process.exitCode = misused ? 2 : 1;
  }
  // Threads of a failed device must not keep the process.
  if (process.exitCode !== 0) process.exit();
}
