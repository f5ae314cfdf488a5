/**
 * A resource whose strings are FHIR strings: no control characters, no lone surrogates, and of all white space only the plain kinds
 * (R4's pattern is `[ \r\n\t\S]+`, which leaves out the full-width space of Chinese notes). Empty strings and what holds nothing else go.
 */
export function cleanStrings<T>(value: T): T {
  return clean(value) as T;
}

function clean(value: unknown): unknown {
  if (typeof value === "string") return cleanString(value) || undefined;
  if (Array.isArray(value)) {
    const kept = value.map(clean).filter((part) => part !== undefined);
    return kept.length === 0 ? undefined : kept;
  }
  if (typeof value !== "object" || value === null) return value ?? undefined;
  const entries = Object.entries(value)
    .map(([name, part]): [string, unknown] => [name, clean(part)])
    .filter(([, part]) => part !== undefined);
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

function cleanString(text: string): string {
  return (
    text
      .toWellFormed()
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out.
      .replace(/[\u0000-\u0008\u000e-\u001f\u007f]/g, "\ufffd")
      .replace(/[^\S \r\n\t]/g, " ")
  );
}
