/** Classes of characters that the split pattern distinguishes, as bits. */
const han = 1;
const upper = 2;
const lower = 4;
const letter = 8;
const number = 16;
const space = 32;
const newline = 64;

const tests: readonly (readonly [RegExp, number])[] = [
  [/^\p{Script=Han}$/u, han],
  [/^[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]$/u, upper],
  [/^[\p{Ll}\p{Lm}\p{Lo}\p{M}]$/u, lower],
  [/^\p{L}$/u, letter],
  [/^\p{N}$/u, number],
  [/^\p{White_Space}$/u, space],
  [/^[\r\n]$/u, newline],
];

function classify(codePoint: number): number {
  const character = String.fromCodePoint(codePoint);
  let bits = 0;
  for (const [pattern, bit] of tests) if (pattern.test(character)) bits |= bit;
  // The pattern takes Han out of both letter cases.
  return bits & han ? bits & ~(upper | lower) : bits;
}

/** Class of each code point + 1; 0: not looked at yet. */
const known = new Uint8Array(0x110000);

function classOf(codePoint: number): number {
  const found = known[codePoint];
  if (found > 0) return found - 1;
  const bits = classify(codePoint);
  known[codePoint] = bits + 1;
  return bits;
}

/**
 * End of the piece that begins at `start`, as the split pattern would match it there: the pattern's alternatives by hand, in
 * their order, without backtracking over more than one run. Several times as fast as the regular expression, and equal to it
 * by test. `text` must be well-formed.
 */
export function pieceEnd(text: string, start: number): number {
  const length = text.length;
  const first = codeAt(text, start);
  const firstClass = classOf(first);
  const afterFirst = start + width(first);
  if (firstClass & han) return runEnd(text, afterFirst, han);
  const mayPrefix = !(firstClass & (letter | number | newline));
  for (const isWord of [lowerWordEnd, upperWordEnd]) {
    let end = mayPrefix && afterFirst < length ? isWord(text, afterFirst) : -1;
    if (end < 0 && firstClass & (upper | lower)) end = isWord(text, start);
    if (end >= 0) return contractionEnd(text, end);
  }
  if (firstClass & number) {
    let end = afterFirst;
    for (let digits = 1; digits < 3 && end < length; digits++) {
      const code = codeAt(text, end);
      if (!(classOf(code) & number)) break;
      end += width(code);
    }
    return end;
  }
  const symbols = symbolsEnd(text, first === 32 && afterFirst < length ? afterFirst : start);
  if (symbols >= 0) return symbols;
  return spaceEnd(text, start);
}

function codeAt(text: string, at: number): number {
  const unit = text.charCodeAt(at);
  return (unit & 0xfc00) === 0xd800 ? (text.codePointAt(at) as number) : unit;
}

function width(code: number): 1 | 2 {
  return code > 0xffff ? 2 : 1;
}

/** End of the run of characters that have one of these bits. */
function runEnd(text: string, from: number, bits: number): number {
  let at = from;
  while (at < text.length) {
    const code = codeAt(text, at);
    if (!(classOf(code) & bits)) break;
    at += width(code);
  }
  return at;
}

/** Upper* Lower+: the capitals give back characters until one that counts as lower follows. −1: no match. */
function lowerWordEnd(text: string, from: number): number {
  let split = runEnd(text, from, upper);
  for (;;) {
    if (split < text.length && classOf(codeAt(text, split)) & lower) return runEnd(text, split, lower);
    if (split <= from) return -1;
    split -= (text.charCodeAt(split - 1) & 0xfc00) === 0xdc00 ? 2 : 1;
  }
}

/** Upper+ Lower*. −1: no match. */
function upperWordEnd(text: string, from: number): number {
  const split = runEnd(text, from, upper);
  return split === from ? -1 : runEnd(text, split, lower);
}

/** An English contraction belongs to the word before it. */
function contractionEnd(text: string, at: number): number {
  if (text.charCodeAt(at) !== 39) return at;
  const one = text[at + 1];
  if (one === undefined) return at;
  if ("sSſtTmMdD".includes(one)) return at + 2;
  const two = text.slice(at + 1, at + 3).toLowerCase();
  return two === "re" || two === "ve" || two === "ll" ? at + 3 : at;
}

/** Characters that are no space, letter or number, then line ends. −1: none here. */
function symbolsEnd(text: string, from: number): number {
  let at = from;
  while (at < text.length) {
    const code = codeAt(text, at);
    if (classOf(code) & (space | letter | number)) break;
    at += width(code);
  }
  return at === from ? -1 : runEnd(text, at, newline);
}

/** White space: up to its last line end, else all but the last (which goes with the next word), else all. */
function spaceEnd(text: string, start: number): number {
  const end = runEnd(text, start, space);
  for (let at = end; at > start; at--) {
    const unit = text.charCodeAt(at - 1);
    if (unit === 10 || unit === 13) return at;
  }
  return end === text.length || end - start === 1 ? end : end - 1;
}

/** The pieces of a text, in order. Together they are the text. */
export function splitText(text: string): string[] {
  const pieces: string[] = [];
  for (let at = 0; at < text.length; ) {
    const end = pieceEnd(text, at);
    pieces.push(text.slice(at, end));
    at = end;
  }
  return pieces;
}
