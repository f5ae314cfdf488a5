import { superscriptZero } from "./normalize.ts";

/** A unit with a power of ten, ×10^9/L, and where it ends. */
export interface PowerUnit {
  /** UCUM, 10*9/L; without a denominator that of litres or microlitres, as blood counts are given. */
  readonly unit: string;
  readonly end: number;
}

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;
const spaces = (codes: Uint16Array, at: number): number => {
  let i = at;
  while (codes[i] === 0x20 && i < at + 3) i++;
  return i;
};

/**
 * Reads ×10^9/L in its spellings: x10^9/L, *10*9/l, 10⁹/L, 10e9/L, ×109/L, x 10(9)/L, ×10^3/uL, 10^9.
 *
 * @param afterNumber a number stands just before: then 109/L without a sign counts too
 */
export function readPower(codes: Uint16Array, at: number, afterNumber: boolean): PowerUnit | undefined {
  let i = at;
  const times = codes[i] === 0xd7 || codes[i] === 0x78 || codes[i] === 0x2a || codes[i] === 0xb7;
  if (times) i = spaces(codes, i + 1);
  if (codes[i] !== 0x31 || codes[i + 1] !== 0x30) return undefined;
  i += 2;
  let exponent = 0;
  let digits = 0;
  let raised = false;
  if (codes[i] >= superscriptZero && codes[i] < superscriptZero + 10) {
    raised = true;
    for (; codes[i] >= superscriptZero && codes[i] < superscriptZero + 10 && digits < 2; i++, digits++)
      exponent = exponent * 10 + codes[i] - superscriptZero;
  } else {
    const mark = spaces(codes, i);
    if (
      codes[mark] === 0x5e ||
      codes[mark] === 0x7e ||
      codes[mark] === 0x2a ||
      codes[mark] === 0x65 ||
      codes[mark] === 0x28
    ) {
      raised = true;
      i = spaces(codes, mark + 1);
    } else if (mark > i && isDigit(codes[mark])) i = mark;
    if (codes[i] === 0x28) i++;
    for (; isDigit(codes[i]) && digits < 2; i++, digits++) exponent = exponent * 10 + codes[i] - 0x30;
    if (codes[i] === 0x29) i++;
  }
  if (digits === 0 && codes[i] === 0x7684) return readWordedPower(codes, i);
  if (digits === 0 || isDigit(codes[i])) return undefined;
  const denominator = readDenominator(codes, spaces(codes, i));
  if (!raised && !(denominator && (times || afterNumber))) return undefined;
  if (![3, 4, 6, 9, 12].includes(exponent)) return undefined;
  const volume = denominator?.unit ?? (exponent === 3 || exponent === 4 ? "uL" : "L");
  return { unit: `10*${exponent}/${volume}`, end: denominator?.end ?? i };
}

/** 10的9次方, 10的九次方 */
function readWordedPower(codes: Uint16Array, at: number): PowerUnit | undefined {
  const nine = codes[at + 1] === 0x39 || codes[at + 1] === 0x4e5d;
  const power = codes[at + 2] === 0x6b21 && codes[at + 3] === 0x65b9;
  if (!nine || !power) return undefined;
  const denominator = readDenominator(codes, spaces(codes, at + 4));
  return { unit: `10*9/${denominator?.unit ?? "L"}`, end: denominator?.end ?? at + 4 };
}

function readDenominator(codes: Uint16Array, at: number): { unit: string; end: number } | undefined {
  if (codes[at] !== 0x2f) return undefined;
  let i = spaces(codes, at + 1);
  const from = i;
  while (codes[i] >= 0x61 && codes[i] <= 0x7a && i < from + 5) i++;
  const letters = String.fromCharCode(...codes.subarray(from, i));
  if (letters === "l") return { unit: "L", end: i };
  if (letters === "ml") return { unit: "mL", end: i };
  if (["ul", "mcl", "cumm", "cmm"].includes(letters)) return { unit: "uL", end: i };
  if (letters === "mm") {
    while (codes[i] === 0x5e || codes[i] === 0x33 || codes[i] === superscriptZero + 3) i++;
    return { unit: "uL", end: i };
  }
  return codes[from] === 0x5347 ? { unit: "L", end: from + 1 } : undefined; // 升
}
