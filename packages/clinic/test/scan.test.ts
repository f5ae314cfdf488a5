import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { convert, converts, knownUnits } from "../src/codes/index.ts";
import { readDigits, readHanNumeral } from "../src/extract/numerals.ts";
import { readPower } from "../src/extract/powers.ts";
import { defaultLexicon } from "../src/lexicon/index.ts";

const normalize = (text: string): Uint16Array => defaultLexicon().normalize(text);

test("normalization keeps the length of any text", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => normalize(text).length === text.length));
});

test("full-width, traditional and typographic forms fold", () => {
  const folded = (text: string): string => String.fromCharCode(...normalize(text));
  assert.equal(folded("ＷＢＣ１２．３％，（Ｔ）"), "wbc12.3%,(t)");
  assert.equal(folded("體溫—發燒"), "体温-发烧");
  assert.equal(folded("µL ’ ～ º"), "ul ' ~ °");
});

for (const [text, value, high] of [
  ["三十八", 38],
  ["一百二", 120],
  ["一百零五", 105],
  ["一二〇", 120],
  ["两万三", 23_000],
  ["十", 10],
  ["零七", 7],
  ["零十", 10],
  ["七八", 7, 8],
  ["三十八九", 38, 39],
  ["两三", 2, 3],
  ["一千二百", 1200],
] as const)
  test(`${text} is ${value}${high ? ` to ${high}` : ""}`, () => {
    const numeral = readHanNumeral(normalize(text), 0);
    assert.equal(numeral.value, value);
    assert.equal(numeral.end, text.length);
    if (high) assert.equal(numeral.high, high);
    else assert.ok(Number.isNaN(numeral.high));
  });

for (const [text, value, length] of [
  ["12,300 cells", 12_300, 6],
  ["12,30", 12, 2],
  ["1,234,567", 1_234_567, 9],
  ["38.5", 38.5, 4],
  ["2-1/2-year", 2.5, 5],
  ["1-1/5 ounces", 1.2, 5],
  ["1.2万", 12_000, 4],
  ["1万3", 13_000, 3],
  ["120s", 120, 4],
  ["50's", 50, 4],
  ["37.538.0", 37.5, 4],
] as const)
  test(`${text} begins with ${value}`, () => {
    assert.deepEqual([readDigits(normalize(text), 0)?.value, readDigits(normalize(text), 0)?.end], [value, length]);
  });

test("a telephone number is no number", () => {
  assert.equal(readDigits(normalize("13800138000123"), 0), undefined);
});

for (const [text, unit] of [
  ["×10^9/L", "10*9/L"],
  ["x10^9/l", "10*9/L"],
  ["X 10^9 / L", "10*9/L"],
  ["*10*9/L", "10*9/L"],
  ["10⁹/L", "10*9/L"],
  ["×１０⁹／Ｌ", "10*9/L"],
  ["×10e9/L", "10*9/L"],
  ["×109/L", "10*9/L"],
  ["x10(9)/L", "10*9/L"],
  ["×10^9", "10*9/L"],
  ["×10^3/µL", "10*3/uL"],
  ["x10^3/mm3", "10*3/uL"],
  ["×10^12/L", "10*12/L"],
  ["×10^6/L", "10*6/L"],
] as const)
  test(`${text} is ${unit}`, () => {
    const power = readPower(normalize(text), 0, true);
    assert.deepEqual(power, { unit, end: text.length });
  });

test("100 and 10 are no powers", () => {
  for (const text of ["100", "10", "10 mg", "×100", "10/12"])
    assert.equal(readPower(normalize(text), 0, true), undefined);
});

test("units convert as their definitions say", () => {
  const near = (value: number, expected: number): void =>
    assert.ok(Math.abs(value - expected) < 1e-6 * Math.abs(expected), `${value}`);
  near(convert(102.2, "[degF]", "Cel"), 39);
  near(convert(20, "[jin]", "kg"), 10);
  near(convert(7, "[liang]", "kg"), 0.35);
  near(convert(1, "[lb_av]", "kg"), 0.45359237);
  near(convert(16, "[oz_av]", "kg"), 0.45359237);
  near(convert(12_300, "/uL", "10*9/L"), 12.3);
  near(convert(2.5, "mg/dL", "mg/L"), 25);
  near(convert(12.3, "g/dL", "g/L"), 123);
  near(convert(1, "kPa", "mm[Hg]"), 7.50062);
  near(convert(30.4375, "d", "mo"), 1);
  assert.throws(() => convert(1, "kg", "Cel"), /no conversion from kg to Cel/);
  for (const unit of knownUnits) assert.ok(converts(unit, unit));
});
