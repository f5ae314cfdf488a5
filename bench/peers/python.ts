import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

/** A Python that has PyTorch: `BALTORO_PYTHON`, else the first of the usual ones; null where there is none. */
export function pythonWithTorch(): { readonly python: string; readonly torch: string } | null {
  for (const python of [process.env["BALTORO_PYTHON"], "python3", "/usr/bin/python3"]) {
    if (!python) continue;
    const { status, stdout } = spawnSync(python, ["-c", "import torch; print(torch.__version__)"], {
      encoding: "utf8",
      timeout: 120_000,
    });
    if (status === 0) return { python, torch: stdout.trim() };
  }
  return null;
}

/** Runs a peer script and parses the JSON of its last line. @throws Error with what it wrote on failure. */
export function runPeer(python: string, script: string, args: readonly string[]): Record<string, unknown> {
  const path = script.includes("/") ? script : join(import.meta.dirname, script);
  if (!existsSync(path)) throw new Error(`peer: there is no ${path}`);
  const { status, stdout, stderr } = spawnSync(python, [path, ...args], { encoding: "utf8", timeout: 600_000 });
  if (status !== 0) throw new Error(`peer: ${path} failed: ${stderr.trim().split("\n").at(-1)}`);
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as Record<string, unknown>;
}
