#!/usr/bin/env node
// Starts the command under the project's own Node, which runs TypeScript directly, whatever Node the system has.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const main = join(dirname(fileURLToPath(import.meta.url)), "..", "src", "main.ts");

function projectNode() {
  if (Number(process.versions.node.split(".")[0]) >= 24) return process.execPath;
  const require = createRequire(import.meta.url);
  const path = join(
    dirname(require.resolve("node/package.json")),
    "bin",
    process.platform === "win32" ? "node.exe" : "node",
  );
  if (existsSync(path)) return path;
  console.error("baltoro: Node 24 is missing. Run `npm ci` in the project's folder.");
  process.exit(1);
}

const child = spawn(projectNode(), ["--disable-warning=ExperimentalWarning", main, ...process.argv.slice(2)], {
  stdio: "inherit",
});
// Ctrl-C reaches the whole process group: the child saves its work, this launcher only waits for it.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => child.kill("SIGTERM"));
child.on("exit", (code, signal) => process.exit(signal ? 128 + 15 : (code ?? 1)));
