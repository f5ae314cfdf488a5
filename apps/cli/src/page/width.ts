/** Columns of a terminal that text takes: East Asian wide characters take two, combining marks none. */

/** Ranges of East Asian Wide and Fullwidth (Unicode 16, EastAsianWidth.txt), and of emoji shown wide. */
const wide: readonly (readonly [number, number])[] = [
  ...([
    [0x1100, 0x115f],
    [0x231a, 0x231b],
    [0x2329, 0x232a],
    [0x23e9, 0x23ec],
    [0x23f0, 0x23f0],
    [0x23f3, 0x23f3],
  ] as const),
  ...([
    [0x25fd, 0x25fe],
    [0x2614, 0x2615],
    [0x26a1, 0x26a1],
    [0x26d4, 0x26d4],
    [0x2705, 0x2705],
    [0x274c, 0x274c],
  ] as const),
  ...([
    [0x2e80, 0x303e],
    [0x3041, 0x33ff],
    [0x3400, 0x4dbf],
    [0x4e00, 0x9fff],
    [0xa000, 0xa4cf],
    [0xa960, 0xa97f],
  ] as const),
  ...([
    [0xac00, 0xd7a3],
    [0xf900, 0xfaff],
    [0xfe10, 0xfe19],
    [0xfe30, 0xfe6f],
    [0xff00, 0xff60],
    [0xffe0, 0xffe6],
  ] as const),
  ...([
    [0x1f300, 0x1f64f],
    [0x1f680, 0x1f6ff],
    [0x1f900, 0x1f9ff],
    [0x20000, 0x3fffd],
  ] as const),
];

/** Columns of one code point. */
export function characterWidth(code: number): number {
  if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return 0;
  if (code < 0x300) return 1;
  if (code <= 0x36f || (code >= 0x200b && code <= 0x200f) || (code >= 0xfe00 && code <= 0xfe0f) || code === 0xfeff)
    return 0;
  return wide.some(([from, to]) => code >= from && code <= to) ? 2 : 1;
}

/** Columns of a text. */
export function textWidth(text: string): number {
  let width = 0;
  for (const character of text) width += characterWidth(character.codePointAt(0)!);
  return width;
}

/** Fills up with spaces to a number of columns. */
export function padEnd(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - textWidth(text)));
}

/** Fills up on the left. */
export function padStart(text: string, width: number): string {
  return " ".repeat(Math.max(0, width - textWidth(text))) + text;
}

/** As much as fits, with … where something is left out. */
export function clip(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  let [kept, used] = ["", 0];
  for (const character of text) {
    const own = characterWidth(character.codePointAt(0)!);
    if (used + own > width - 1) break;
    kept += character;
    used += own;
  }
  return `${kept}…`;
}

/** What may not start a line in Chinese. */
const closing = "，。、；：？！）】》”’…%";

/** Breaks a text into lines: between words, and between any two Chinese characters. */
export function wrap(text: string, width: number): string[] {
  const pieces = text.match(/[\u2e80-\u9fff\uf900-\uffef]|[^\s\u2e80-\u9fff\uf900-\uffef]+|\s+/gu) ?? [];
  const lines: string[] = [];
  let line = "";
  for (const piece of pieces) {
    const fits = textWidth(line) + textWidth(piece) <= width || closing.includes(piece);
    if (fits) {
      line += line === "" ? piece.trimStart() : piece;
      continue;
    }
    if (line.trim() !== "") lines.push(line.trimEnd());
    line = "";
    // A word longer than a line is cut.
    for (const character of piece.trimStart()) {
      if (textWidth(line) + textWidth(character) > width) {
        lines.push(line);
        line = "";
      }
      line += character;
    }
  }
  if (line.trim() !== "" || lines.length === 0) lines.push(line.trimEnd());
  return lines;
}
