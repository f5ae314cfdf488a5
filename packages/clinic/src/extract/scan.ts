import type { Lexicon } from "../lexicon/index.ts";
import { isLetter } from "../lexicon/index.ts";
import { readDigits, readHanNumeral, startsHanNumeral } from "./numerals.ts";
import { readPower } from "./powers.ts";
import { createTokens, Kind, push, type Tokens, Written } from "./tokens.ts";

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;

/** Whether a code unit is a Chinese character. */
export function isHan(code: number): boolean {
  return (code >= 0x4e00 && code <= 0x9fff) || (code >= 0x3400 && code <= 0x4dbf);
}

const half = 0x534a; // 半
const liang = 0x4e24; // 两
const zero = 0x96f6; // 零
const several = 0x51e0; // 几

/**
 * Cuts a normalized note into numbers, terms of the lexicon (the longest at each place), other words and punctuation. Reads every
 * character a bounded number of times, whatever the note.
 */
export function scan(codes: Uint16Array, lexicon: Lexicon): Tokens {
  const { trie, terms } = lexicon;
  const tokens = createTokens(Math.max(64, codes.length >> 2));
  const length = codes.length;
  let i = 0;
  while (i < length) {
    const code = codes[i];
    if (code === 0x20) {
      i++;
      continue;
    }
    if (code === 0x0a) {
      push(tokens, Kind.line, i, ++i);
      continue;
    }
    const afterNumber =
      tokens.count > 0 && tokens.kind[tokens.count - 1] === Kind.number && i - tokens.end[tokens.count - 1] <= 1;
    if (code === 0xd7 || code === 0x2a || code === 0x78 || code === 0xb7 || (code === 0x31 && codes[i + 1] === 0x30)) {
      const power = readPower(codes, i, afterNumber);
      if (power && (afterNumber || code !== 0x78)) {
        push(tokens, Kind.term, i, power.end, lexicon.unitTerm(power.unit));
        i = power.end;
        continue;
      }
    }
    if (
      isDigit(code) ||
      (code === 0x2e &&
        isDigit(codes[i + 1]) &&
        !isDigit(codes[i - 1]) &&
        codes[i - 1] !== 0x2d &&
        codes[i - 1] !== 0x2e &&
        !isHan(codes[i - 1]))
    ) {
      i = scanDigits(codes, i, tokens);
      continue;
    }
    // 二十几天 is a number and 天, not the question 几天.
    const found = trie.longest(code === several && afterNumber ? codes.subarray(0, i + 1) : codes, i);
    const end = found >= 0 ? trie.end : i;
    const joins = (code === liang && afterNumber) || (code === zero && isDigit(codes[i + 1]));
    if (startsHanNumeral(code) && end - i < 2 && !joins) {
      const { value, high, end: after } = readHanNumeral(codes, i);
      setNumber(tokens, push(tokens, Kind.number, i, after), value, high, 0, Written.han);
      i = after;
      continue;
    }
    if (code === half && end - i < 2 && !afterNumber) {
      const next = trie.longest(codes, i + 1);
      const unit = next >= 0 ? terms[next].unit : undefined;
      if (unit?.age !== undefined || unit?.unit === "[jin]") {
        setNumber(tokens, push(tokens, Kind.number, i, i + 1), 0.5, Number.NaN, 1, Written.han);
        i++;
        continue;
      }
    }
    if (found >= 0) {
      i = scanTerm(codes, i, end, found, tokens, lexicon);
      continue;
    }
    i = scanOther(codes, i, tokens);
  }
  return tokens;
}

function setNumber(tokens: Tokens, at: number, value: number, high: number, decimals: number, written: number): void {
  tokens.value[at] = value;
  tokens.high[at] = high;
  tokens.decimals[at] = decimals;
  tokens.written[at] = written;
}

function scanDigits(codes: Uint16Array, at: number, tokens: Tokens): number {
  const numeral = readDigits(codes, at);
  if (!numeral || (codes[numeral.end] === 0x2e && numeral.decimals > 1 && isDigit(codes[numeral.end + 1]))) {
    // A date with points, a version, a telephone number.
    let end = at;
    while (isDigit(codes[end]) || (codes[end] === 0x2e && isDigit(codes[end + 1]))) end++;
    push(tokens, Kind.word, at, end);
    return end;
  }
  setNumber(
    tokens,
    push(tokens, Kind.number, at, numeral.end),
    numeral.value,
    numeral.high,
    numeral.decimals,
    Written.digits,
  );
  return numeral.end;
}

/** A term, or a number word: "six", "twenty-one". */
function scanTerm(
  codes: Uint16Array,
  at: number,
  end: number,
  found: number,
  tokens: Tokens,
  lexicon: Lexicon,
): number {
  const { numeral } = lexicon.terms[found];
  if (numeral === undefined) {
    push(tokens, Kind.term, at, end, found);
    return end;
  }
  const before = tokens.count - 1;
  const joins =
    before >= 0 &&
    tokens.kind[before] === Kind.number &&
    tokens.written[before] === Written.english &&
    at - tokens.end[before] <= 1 &&
    tokens.value[before] >= 20 &&
    tokens.value[before] < 100 &&
    tokens.value[before] % 10 === 0 &&
    numeral < 10;
  if (joins) {
    tokens.value[before] += numeral;
    tokens.end[before] = end;
  } else setNumber(tokens, push(tokens, Kind.number, at, end), numeral, Number.NaN, 0, Written.english);
  // "twenty-one": the hyphen belongs to the number.
  return numeral >= 20 && codes[end] === 0x2d && isLetter(codes[end + 1]) && wordNumeral(codes, end + 1, lexicon)
    ? end + 1
    : end;
}

function wordNumeral(codes: Uint16Array, at: number, { trie, terms }: Lexicon): boolean {
  const found = trie.longest(codes, at);
  return found >= 0 && terms[found].numeral !== undefined;
}

function scanOther(codes: Uint16Array, at: number, tokens: Tokens): number {
  const code = codes[at];
  if (isLetter(code)) {
    // A name with digits (il6, b12, d5w) is one word, and its digits are no number.
    let end = at + 1;
    while (isLetter(codes[end])) end++;
    if (isDigit(codes[end]) || (codes[end] === 0x2d && isDigit(codes[end + 1])))
      while (isLetter(codes[end]) || isDigit(codes[end]) || codes[end] === 0x2d) end++;
    push(tokens, Kind.word, at, end);
    return end;
  }
  if (isHan(code)) push(tokens, Kind.han, at, at + 1);
  else push(tokens, Kind.punctuation, at, at + 1, code);
  return at + 1;
}
