/** A number found in a note. */
export interface Numeral {
  readonly value: number;
  /** The upper end of an approximate number, 七八; else NaN. */
  readonly high: number;
  readonly end: number;
  readonly decimals: number;
}

const digitsOf: Readonly<Record<string, number>> = {
  ...{ 〇: 0, 零: 0, 一: 1, 二: 2, 两: 2, 俩: 2, 三: 3, 四: 4, 五: 5, 六: 6, 七: 7, 八: 8, 九: 9 },
  ...{ 壹: 1, 贰: 2, 叁: 3, 肆: 4, 伍: 5, 陆: 6, 柒: 7, 捌: 8, 玖: 9 },
};
const placesOf: Readonly<Record<string, number>> = { 十: 10, 百: 100, 千: 1000, 万: 10_000 };

const digitTable = new Int8Array(0x10000).fill(-1);
const placeTable = new Int32Array(0x10000);
for (const [character, value] of Object.entries(digitsOf)) digitTable[character.charCodeAt(0)] = value;
for (const [character, value] of Object.entries(placesOf)) placeTable[character.charCodeAt(0)] = value;
const two = new Set([0x4e24, 0x4fe9]); // 两 俩
const tenThousand = 0x4e07; // 万
const counted = new Set([..."个月岁天周"].map((character) => character.charCodeAt(0)));
const zero = 0x96f6; // 零

/** Whether a Chinese numeral may start with the code unit. */
export function startsHanNumeral(code: number): boolean {
  return digitTable[code] >= 0 || placeTable[code] > 0;
}

/**
 * Reads a Chinese numeral: 三十八, 一百二 (120), 一二〇 (120), and approximate ones, 七八 (7 to 8), 三十八九 (38 to 39).
 * Two digits that do not follow each other (三九) are read place by place, 39. 两 is a digit only at the start: later it is a weight.
 */
export function readHanNumeral(codes: Uint16Array, at: number): Numeral {
  let total = 0;
  let section = 0;
  let digit = -1;
  let before = -1;
  let place = 0;
  let i = at;
  // Numerals longer than this are no measurements; the bound keeps a hostile run from overflowing.
  const limit = Math.min(codes.length, at + 12);
  // 一两个月: 1 to 2. Else 两 after a numeral is a weight.
  if (digitTable[codes[at]] === 1 && two.has(codes[at + 1]) && counted.has(codes[at + 2]))
    return { value: 1, high: 2, end: at + 2, decimals: 0 };
  for (; i < limit; i++) {
    const code = codes[i];
    const value = digitTable[code];
    if (value >= 0 && !(i > at && two.has(code) && codes[i - 1] !== zero)) {
      if (
        digit >= 1 &&
        value === digit + 1 &&
        before < 0 &&
        !(digitTable[codes[i + 1]] >= 0) &&
        !(placeTable[codes[i + 1]] > 0)
      ) {
        const low = total + section + digit;
        return { value: low, high: low + 1, end: i + 1, decimals: 0 };
      }
      before = digit;
      digit = digit >= 0 ? digit * 10 + value : value;
      continue;
    }
    const unit = placeTable[code];
    if (unit === 0) break;
    before = -1;
    if (code === tenThousand) {
      total = (total + section + Math.max(digit, 0)) * unit;
      section = 0;
    } else section += (digit <= 0 ? 1 : digit) * unit;
    digit = -1;
    place = unit;
  }
  // 一百二 is 120, 一万三 is 13000; 一百零二 is 102.
  const short = digit > 0 && digit < 10 && place > 10 && codes[i - 2] !== zero;
  const last = Math.max(digit, 0) * (short ? place / 10 : 1);
  return { value: total + section + last, high: Number.NaN, end: i, decimals: 0 };
}

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;

/** Code unit of an ASCII character. */
const ascii = (character: string): number => character.charCodeAt(0);
const [point, comma, slash, hyphen, space] = [".", ",", "/", "-", " "].map(ascii);

/** Reads a number in digits: 38.5, 12,300, 2-1/2, 1.2万, 1万3, 120s. Returns undefined for what is none, a version or a date. */
export function readDigits(codes: Uint16Array, at: number): Numeral | undefined {
  let i = at;
  let value = 0;
  let digits = 0;
  for (; isDigit(codes[i]); i++, digits++) value = value * 10 + codes[i] - 0x30;
  if (digits > 12) return undefined;
  while (digits <= 3 && codes[i] === comma && threeDigits(codes, i + 1)) {
    for (let end = i + 4, j = i + 1; j < end; j++) value = value * 10 + codes[j] - 0x30;
    i += 4;
    if (i - at > 16) return undefined;
  }
  let decimals = 0;
  if (codes[i] === point && isDigit(codes[i + 1])) {
    let scale = 0.1;
    for (i++; isDigit(codes[i]); i++, decimals++, scale /= 10) {
      value += (codes[i] - 0x30) * scale;
      // 37.538.0: two temperatures whose separator is lost.
      if (
        decimals === 0 &&
        digits === 2 &&
        isDigit(codes[i + 1]) &&
        isDigit(codes[i + 2]) &&
        codes[i + 3] === point &&
        isDigit(codes[i + 4])
      ) {
        decimals = 1;
        i++;
        break;
      }
    }
    if (decimals > 9) return undefined;
    value = Number(value.toFixed(Math.min(decimals, 9)));
  } else if (digits <= 3 && (codes[i] === hyphen || codes[i] === space)) {
    const [above, bar, below] = [codes[i + 1], codes[i + 2], codes[i + 3]];
    if (
      isDigit(above) &&
      bar === slash &&
      isDigit(below) &&
      above < below &&
      below > 0x31 &&
      !isDigit(codes[i + 4]) &&
      codes[i + 4] !== slash
    ) {
      value += (above - 0x30) / (below - 0x30);
      decimals = 1;
      i += 4;
    }
  }
  // 1.2 万 too.
  if (codes[i] === space && codes[i + 1] === tenThousand) i++;
  if (codes[i] === tenThousand) {
    value *= 10_000;
    i++;
    if (isDigit(codes[i]) && !isDigit(codes[i + 1]) && decimals === 0) value += (codes[i++] - 0x30) * 1000;
    decimals = 0;
  }
  // 120s and 120's carry 120.
  const apostrophe = codes[i] === 0x27 ? 1 : 0;
  if (
    codes[i + apostrophe] === 0x73 &&
    digits >= 2 &&
    !(codes[i + apostrophe + 1] >= 0x61 && codes[i + apostrophe + 1] <= 0x7a)
  )
    i += apostrophe + 1;
  return { value, high: Number.NaN, end: i, decimals };
}

function threeDigits(codes: Uint16Array, at: number): boolean {
  return isDigit(codes[at]) && isDigit(codes[at + 1]) && isDigit(codes[at + 2]) && !isDigit(codes[at + 3]);
}
