import { chmodSync, mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/**
 * Where the service keeps its keys and its audit log, unless told: BALTORO_CLINIC_DATA, else the user's data directory by the rules of
 * the system (XDG, or LOCALAPPDATA on Windows).
 */
export function defaultDataDirectory(env: Readonly<Record<string, string | undefined>> = process.env): string {
  if (env["BALTORO_CLINIC_DATA"]) return env["BALTORO_CLINIC_DATA"];
  const base =
    process.platform === "win32"
      ? (env["LOCALAPPDATA"] ?? join(homedir(), "AppData", "Local"))
      : (env["XDG_DATA_HOME"] ?? join(homedir(), ".local", "share"));
  return join(base, "baltoro", "clinic");
}

/** Makes the directory, which only its owner may read. @throws where it cannot be made */
export function makeDataDirectory(directory: string): void {
  const made = mkdirSync(directory, { recursive: true, mode: 0o700 });
  if (made !== undefined) chmodSync(directory, 0o700);
}
