/** A part of a text: what is to be seen as it is, or one character that could not be seen or would reorder what is around it. */
export interface Part {
  readonly text: string;
  /** `U+202E`, of a character that is to be shown by its code. */
  readonly code?: string;
}

/**
 * Controls but tab and line ends, format characters and what Unicode calls ignorable: zero-width characters, direction marks, soft
 * hyphens, fillers, tags. Left alone are variation selectors and the joiner of an emoji that is made of several (👩‍⚕️).
 */
const hidden = new RegExp(
  [
    /(?<!\p{Extended_Pictographic}\uFE0F?|[\u{1F3FB}-\u{1F3FF}])\u200D/u,
    /(?![\t\n\r\u200D]|\p{Variation_Selector})[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2028\u2029]/u,
  ]
    .map(({ source }) => source)
    .join("|"),
  "gu",
);

/** Parts a text at its hidden characters. Joined again, the parts are the text. */
export function partsOf(text: string): Part[] {
  const out: Part[] = [];
  let at = 0;
  for (const match of text.matchAll(hidden)) {
    if (match.index > at) out.push({ text: text.slice(at, match.index) });
    out.push({ text: match[0], code: codeOf(match[0]) });
    at = match.index + match[0].length;
  }
  if (at < text.length) out.push({ text: text.slice(at) });
  return out;
}

function codeOf(character: string): string {
  return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
}
