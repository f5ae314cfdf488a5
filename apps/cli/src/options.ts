import { type ParseArgsConfig, parseArgs } from "node:util";

type Options = NonNullable<ParseArgsConfig["options"]>;

/** A mistake on the command line that is told in one line, without the whole usage. */
export class OptionError extends Error {
  override name = "OptionError";
}

/**
 * `parseArgs` whose errors say what is wrong and what may have been meant.
 * @throws OptionError
 */
export function parseOptions<T extends Options>(args: string[], options: T, allowPositionals = false) {
  try {
    return parseArgs({ args, options, allowPositionals });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ERR_PARSE_ARGS_UNKNOWN_OPTION") {
      const name = /'(--?[^']+)'/.exec(message)?.[1] ?? "";
      const near = nearest(name.replace(/^-+/, "").split("=")[0], Object.keys(options));
      throw new OptionError(`there is no option ${name}${near ? `; did you mean --${near}?` : ""}`);
    }
    if (code === "ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL") {
      const name = /'([^']+)'/.exec(message)?.[1] ?? "";
      throw new OptionError(`"${name}" stands alone: which option is it for?`);
    }
    if (code === "ERR_PARSE_ARGS_INVALID_OPTION_VALUE") {
      const name = /--[\w-]+/.exec(message)?.[0] ?? "an option";
      const dash = message.includes("ambiguous") ? `; if it begins with a dash: ${name}=-1` : "";
      throw new OptionError(
        message.includes("does not take") ? `${name} takes no value` : `${name} needs a value${dash}`,
      );
    }
    if (code?.startsWith("ERR_PARSE_ARGS")) throw new OptionError(message.split("\n")[0]);
    throw error;
  }
}

/** The word that is nearest, if it is near: two changes, or the same beginning. */
export function nearest(word: string, words: readonly string[]): string | null {
  const distances = words.map((other) => ({ other, distance: editDistance(word, other) }));
  const best = distances.sort((a, b) => a.distance - b.distance)[0];
  if (best && best.distance <= Math.min(2, Math.max(1, word.length - 2))) return best.other;
  return words.find((other) => word.length >= 3 && other.startsWith(word)) ?? null;
}

/** Levenshtein's distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length];
}

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000 };

/** Milliseconds of "100ms", "30s", "1.5m", "2h". @throws OptionError */
export function durationOption(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const parts = /^(\d+(?:\.\d+)?)\s*(ms|s|min|m|h)$/.exec(value.trim());
  if (!parts) {
    const hint = /^\d+(\.\d+)?$/.test(value) ? `: ${value} of what? ${value}s or ${value}ms` : ", as 100ms, 30s or 5m";
    throw new OptionError(`--${name} is ${value}, expected a time with its unit${hint}`);
  }
  return Number(parts[1]) * units[parts[2]];
}

/** A share of "99%" or "0.99". @throws OptionError */
export function shareOption(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const percent = /^(\d+(?:\.\d+)?)\s*%$/.exec(value.trim());
  const share = percent ? Number(percent[1]) / 100 : Number(value);
  if (!(share > 0 && share <= 1)) {
    const hint = share > 1 && share <= 100 ? `; did you mean ${value}%?` : "";
    throw new OptionError(`--${name} is ${value}, expected a share as 99% or 0.99${hint}`);
  }
  return share;
}

/** A number within bounds. @throws OptionError */
export function boundedOption(
  name: string,
  value: string | undefined,
  { least = Number.NEGATIVE_INFINITY, above, whole = false }: { least?: number; above?: number; whole?: boolean } = {},
): number | undefined {
  if (value === undefined) return undefined;
  const number = value.trim() === "" ? Number.NaN : Number(value.replaceAll("_", ""));
  if (
    !Number.isFinite(number) ||
    number < least ||
    (above !== undefined && number <= above) ||
    (whole && !Number.isSafeInteger(number))
  ) {
    const bound = above !== undefined ? ` above ${above}` : least > Number.NEGATIVE_INFINITY ? ` from ${least}` : "";
    throw new OptionError(`--${name} is ${value}, expected a ${whole ? "whole " : ""}number${bound}`);
  }
  return number;
}

/** One of a few words. @throws OptionError that lists them. */
export function choiceOption<T extends string>(
  name: string,
  value: string | undefined,
  choices: readonly T[],
): T | undefined {
  if (value === undefined || choices.includes(value as T)) return value as T | undefined;
  const near = nearest(value, choices);
  throw new OptionError(
    `--${name} is ${value}, expected ${choices.join(", ")}${near ? `; did you mean ${near}?` : ""}`,
  );
}
