import type { SimulationResult } from "../simulator/result.ts";

/**
 * A result as JSON: the same bytes for the same trace, configuration and seed. Lists of numbers stand in one line.
 */
export function reportJson(result: SimulationResult): string {
  return `${write(result, "")}\n`;
}

function write(value: unknown, indent: string): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value ?? null);
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    if (value.every((item) => typeof item !== "object" || item === null)) return JSON.stringify(value);
    return `[\n${value.map((item) => inner + write(item, inner)).join(",\n")}\n${indent}]`;
  }
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  if (fields.length === 0) return "{}";
  const lines = fields.map(([key, field]) => `${inner}${JSON.stringify(key)}: ${write(field, inner)}`);
  return `{\n${lines.join(",\n")}\n${indent}}`;
}
