/**
 * Normalization keeps the length: one code unit in, one out, so that an offset into the normalized note is an offset into the
 * note. What would change the length (万, Chinese numerals, ×10^9) is left to the scanner.
 *
 * Superscript digits become private characters, so that 10⁹ is not read as 109.
 */
export const superscriptZero = 0xe000;

const table = buildTable();

function buildTable(): Uint16Array {
  const map = new Uint16Array(0x10000);
  for (let code = 0; code < map.length; code++) {
    const lower = String.fromCharCode(code).toLowerCase();
    map[code] = lower.length === 1 ? lower.charCodeAt(0) : code;
  }
  // Full-width forms of ASCII; the letters among them in lower case.
  for (let code = 0xff01; code <= 0xff5e; code++) map[code] = map[code - 0xfee0];
  const set = (characters: string, to: string): void => {
    for (const character of characters) map[character.charCodeAt(0)] = to.charCodeAt(0);
  };
  set("\t\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u200b\u202f\u205f\u3000\ufeff", " ");
  set("\r\u000b\u000c\u0085\u2028\u2029", "\n");
  set("‐‑‒–—―−﹣ー─━_＿", "-");
  set("～〜∼˜﹋", "~");
  set("′‘’＇`´‵", "'");
  set("“”″「」『』", '"');
  set("【〔［〈《", "[");
  set("】〕］〉》", "]");
  set("º˚", "°");
  set("µμ", "u");
  set("✕✖╳", "×");
  set("﹪", "%");
  set("，﹐", ",");
  set("．", ".");
  set("：︰", ":");
  set("；", ";");
  set("？﹖", "?");
  set("➔→⇒➜", "→");
  set("₀", "0");
  for (let digit = 1; digit <= 9; digit++) map[0x2080 + digit] = 0x30 + digit;
  "⁰¹²³⁴⁵⁶⁷⁸⁹".split("").forEach((character, digit) => {
    map[character.charCodeAt(0)] = superscriptZero + digit;
  });
  return map;
}

/** A normalizer whose variants (pairs of a character and its common form) are folded too. */
export function createNormalizer(variants: string): (text: string) => Uint16Array {
  const map = table.slice();
  for (let i = 0; i + 1 < variants.length; i += 2) map[variants.charCodeAt(i)] = variants.charCodeAt(i + 1);
  return (text) => {
    const codes = new Uint16Array(text.length);
    for (let i = 0; i < text.length; i++) codes[i] = map[text.charCodeAt(i)];
    return codes;
  };
}
