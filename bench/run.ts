/** `npm run bench NAME [-- --json]`: runs bench/NAME.ts, with `--device D` bench/parts/NAME-D.ts where there is one. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type BenchModule, benchReport, checkTable } from "./harness.ts";

const own = new Set(["run.ts", "harness.ts"]);

/** Names of the benchmarks that there are. */
function benchNames(): string[] {
  return readdirSync(import.meta.dirname)
    .filter((file) => file.endsWith(".ts") && !own.has(file))
    .map((file) => file.slice(0, -3))
    .sort();
}

async function main([name, ...rest]: string[]): Promise<number> {
  const available = `Benchmarks: ${benchNames().join(", ") || "none yet"}`;
  if (name === undefined || name.startsWith("-")) {
    console.error(`usage: npm run bench NAME [-- --json] [arguments]\n${available}`);
    return name === "--help" || name === "-h" ? 0 : 2;
  }
  const path = join(import.meta.dirname, `${name}.ts`);
  if (!/^[\w-]+$/.test(name) || own.has(`${name}.ts`) || !existsSync(path)) {
    console.error(`bench: there is no "${name}". ${available}`);
    return 2;
  }
  const json = rest.includes("--json");
  const args = rest.filter((argument) => argument !== "--json");
  const device = rest[rest.indexOf("--device") + 1];
  const part = join(import.meta.dirname, `parts/${name}-${device}.ts`);
  const chosen = rest.includes("--device") && existsSync(part) ? part : path;
  const module = (await import(pathToFileURL(chosen).href)) as Partial<BenchModule>;
  if (typeof module.run !== "function") throw new Error(`bench: ${chosen} exports no function "run"`);
  const result = await module.run({ json, args });
  for (const line of result.lines) console.log(line);
  const table = checkTable(result.checks);
  if (table.length > 0) console.log(["", ...table].join("\n"));
  if (json) console.log(JSON.stringify(benchReport(name, result)));
  return 0;
}

// A missed target is reported and is no failure; a benchmark that cannot run is one.
try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.stack : error);
  process.exitCode = 1;
}
