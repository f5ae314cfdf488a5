/** Text for HTML and SVG, attributes included. */
export function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** A coordinate: two decimals, none that say nothing. */
export function num(value: number): string {
  return String(Math.round(value * 100) / 100);
}

/** About the width in px of a text of 12 px: there is no browser to ask. */
export function textWidth(text: string): number {
  let width = 0;
  for (const character of text)
    width += /[.,:;|iIjlt' ]/.test(character) ? 0.32 : /[mwMW@%]/.test(character) ? 0.9 : 0.58;
  return width * 12;
}
