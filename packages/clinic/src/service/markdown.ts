/** Characters that change the direction of text or are not seen: a note must not dress up a card with them. */
const unseen = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu;

/**
 * Text of a note for GitHub Flavored Markdown, one line: nothing in it is markup, a link or HTML, in renderers that follow the
 * specification and in those that let HTML through.
 */
export function escapeMarkdown(text: string, most = 120): string {
  const line = text.toWellFormed().replace(unseen, " ").replace(/\s+/g, " ").trim();
  return cut(line, most)
    .replace(/[!-/:;=?-@[-`{-~]/g, (character) => (character === "&" ? "&amp;" : `\\${character}`))
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;");
}

/** At most so many characters as people count them, an ellipsis for the rest. */
export function cut(text: string, most: number): string {
  const characters = Array.from(text);
  return characters.length <= most ? text : `${characters.slice(0, most - 1).join("")}…`;
}
