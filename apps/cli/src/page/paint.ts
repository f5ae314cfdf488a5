/** Colours of a terminal; the same functions without them where the output is no terminal or NO_COLOR is set. */
export interface Paint {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  yellow(text: string): string;
  green(text: string): string;
  blue(text: string): string;
}

/** @param colour whether to colour at all */
export function createPaint(colour: boolean): Paint {
  const code =
    (open: number, close: number) =>
    (text: string): string =>
      colour ? `\u001b[${open}m${text}\u001b[${close}m` : text;
  return {
    bold: code(1, 22),
    dim: code(2, 22),
    red: code(31, 39),
    yellow: code(33, 39),
    green: code(32, 39),
    blue: code(34, 39),
  };
}

/** A note's text for a terminal: no control character of it reaches the terminal. */
export function harmless(text: string): string {
  // Controls, and marks that turn the direction of writing.
  return text.replace(/[\p{Cc}\p{Cf}]+/gu, " ").trim();
}
