import { isRecord } from "../api/problem.ts";
import type { Sampling } from "../api/types.ts";

/** The settings as they stand in their fields. */
export interface SettingsText {
  readonly temperature: string;
  readonly topP: string;
  readonly maxTokens: string;
  readonly seed: string;
  readonly stop: string;
}

/** What a first visit finds. */
export const defaultSettings: SettingsText = { temperature: "0.8", topP: "0.95", maxTokens: "128", seed: "", stop: "" };

/** Settings, or the field that makes no sense with what to enter there. */
export type SettingsResult =
  | { readonly ok: true; readonly sampling: Sampling }
  | { readonly ok: false; readonly field: keyof SettingsText; readonly message: string };

/** Settings that were stored; a field that is missing or no text has its default. */
export function readSettings(stored: unknown): SettingsText {
  const known = isRecord(stored) ? stored : {};
  const entries = Object.entries(defaultSettings).map(([name, value]) => {
    const kept = known[name];
    return [name, typeof kept === "string" ? kept : value];
  });
  return Object.fromEntries(entries) as SettingsText;
}

/** What the fields ask for. */
export function toSampling(text: SettingsText): SettingsResult {
  const temperature = Number(text.temperature);
  const topP = Number(text.topP);
  const maxTokens = Number(text.maxTokens);
  const seed = text.seed.trim() === "" ? undefined : Number(text.seed);
  const wrong = (field: keyof SettingsText, message: string) => ({ ok: false, field, message }) as const;
  if (!(temperature >= 0 && temperature <= 2)) return wrong("temperature", "Enter a number from 0 to 2.");
  if (!(topP > 0 && topP <= 1)) return wrong("topP", "Enter a number above 0, up to 1.");
  if (!(Number.isInteger(maxTokens) && maxTokens >= 1)) return wrong("maxTokens", "Enter a whole number from 1.");
  if (seed !== undefined && !(Number.isSafeInteger(seed) && seed >= 0)) {
    return wrong("seed", "Enter a whole number from 0, or leave it empty.");
  }
  const stop = parseStops(text.stop);
  return { ok: true, sampling: { temperature, topP, maxTokens, stop, ...(seed === undefined ? {} : { seed }) } };
}

const escapes: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", "\\": "\\" };

/** Stop strings, one a line, in which \n, \t, \r and \\ stand for the characters that a line cannot hold. */
export function parseStops(text: string): string[] {
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.map((line) => line.replace(/\\([ntr\\])/g, (_, letter: string) => escapes[letter]));
}
