import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { writeFileAtomic } from "./atomic.ts";
import { acquireLock, type Lock } from "./lock.ts";

/**
 * Where things of a run lie:
 *
 *     config.json    metrics.jsonl    report.html    ending.json    run.lock
 *     checkpoints/step-000123/        tokenizer/     tokens/
 */
export interface RunDirectory {
  readonly path: string;
  readonly config: string;
  readonly metrics: string;
  readonly report: string;
  readonly ending: string;
  readonly checkpoints: string;
  readonly tokenizer: string;
  readonly tokens: string;
  readonly lock: string;
}

/** The paths of a run; nothing is touched. */
export function runDirectory(path: string): RunDirectory {
  const root = resolve(path);
  const at = (name: string) => join(root, name);
  return {
    path: root,
    config: at("config.json"),
    metrics: at("metrics.jsonl"),
    report: at("report.html"),
    ending: at("ending.json"),
    checkpoints: at("checkpoints"),
    tokenizer: at("tokenizer"),
    tokens: at("tokens"),
    lock: at("run.lock"),
  };
}

/**
 * Makes the directory of a run and takes its lock.
 * @throws LockedError where another process uses it; Error where it exists, holds other things and is no run.
 */
export function openRun(path: string): { readonly run: RunDirectory; readonly lock: Lock } {
  const run = runDirectory(path);
  mkdirSync(run.path, { recursive: true });
  const foreign = readdirSync(run.path).length > 0 && !existsSync(run.config) && !existsSync(run.lock);
  const known = ["metrics.jsonl", "checkpoints", "tokenizer", "tokens"].some((name) =>
    existsSync(join(run.path, name)),
  );
  if (foreign && !known) {
    throw new Error(`run: ${run.path} exists and is not a run directory (no config.json); choose an empty or new one`);
  }
  const lock = acquireLock(run.lock);
  mkdirSync(run.checkpoints, { recursive: true });
  return { run, lock };
}

/** Writes config.json, atomically. */
export function writeRunConfig(run: RunDirectory, config: object): void {
  writeFileAtomic(run.config, `${JSON.stringify(config, null, 2)}\n`);
}

/** Reads config.json. The caller checks what is in it. @throws Error that says what is missing or malformed. */
export function readRunConfig(run: RunDirectory): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(run.config, "utf8");
  } catch (error) {
    throw new Error(`run: ${run.path} is not a run directory: ${(error as Error).message}`, { cause: error });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`run: ${run.config} is malformed: ${(error as Error).message}`, { cause: error });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Error(`run: ${run.config} must hold a JSON object`);
  }
  return value as Record<string, unknown>;
}
