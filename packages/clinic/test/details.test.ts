import assert from "node:assert/strict";
import { test } from "node:test";
import { extract, type Item, referenceRange, referenceRanges } from "../src/index.ts";

const one = (text: string): Item => {
  const items = extract(text);
  assert.equal(items.length, 1, JSON.stringify(items));
  return items[0];
};

test("spans are offsets into the note as given", () => {
  const note = "　患儿Ｔ：３８．５℃。";
  const item = one(note);
  assert.equal(item.text, "３８．５℃");
  assert.equal(note.slice(item.start, item.end), item.text);
});

test("time, bounds and certainty as stated", () => {
  assert.equal(one("昨晚体温39度").time, "昨晚");
  assert.equal(one("HR 120 on admission").time, "on admission");
  assert.equal(one("CRP <0.5 mg/L").comparator, "<");
  assert.equal(one("CRP＞200mg/L").comparator, ">");
  assert.equal(one("temperature about 39").certainty, "approximate");
  assert.equal(one("宝宝现在39.2").certainty, "inferred");
  assert.equal(one("temperature 39").certainty, "stated");
});

test("flags follow the age", () => {
  const flag = (text: string, code: string): string | undefined =>
    extract(text).find((item) => item.code === code)?.flag;
  assert.equal(flag("A 6-month-old, RR 45", "9279-1"), "N");
  assert.equal(flag("A 6-year-old, RR 45", "9279-1"), "H");
  assert.equal(flag("RR 45", "9279-1"), undefined);
  assert.equal(flag("患儿5岁，血氧饱和度90%", "59408-5"), "L");
  assert.equal(extract("RR 45", { ageMonths: 72 })[0].flag, "H");
});

test("only the patient's present values are flagged", () => {
  const items = extract("患儿5岁，去年体温39度。妈妈体温39度。");
  assert.deepEqual(
    items.slice(1).map(({ flag }) => flag),
    [undefined, undefined],
  );
});

test("reference ranges of a code do not overlap, and each has a source", () => {
  for (const range of referenceRanges) {
    assert.ok(range.source.length > 10 && range.low < range.high && range.from < range.to);
    assert.equal(referenceRange(range.code, range.from), range);
  }
});

for (const [text, code, result] of [
  ["支原体抗体1:160阳性", "mycoplasma-pneumoniae", "1:160"],
  ["肺炎支原体IgM（+）", "mycoplasma-pneumoniae", "positive"],
  ["呼吸道合胞病毒抗原阴性", "respiratory-syncytial-virus", "negative"],
  ["Mycoplasma IgM positive.", "mycoplasma-pneumoniae", "positive"],
  ["RSV swab is pending.", "respiratory-syncytial-virus", "indeterminate"],
  ["negative for influenza A", "80382-5", "negative"],
  ["Chest x-ray shows a right lower lobe infiltrate.", "36643-5", "a right lower lobe infiltrate"],
  ["胸片示双肺纹理增粗", "36643-5", "双肺纹理增粗"],
  ["双肺呼吸音粗，可闻及湿啰音。", "auscultation", "粗，可闻及湿啰音"],
  ["Lungs: clear to auscultation bilaterally.", "auscultation", "clear to auscultation bilaterally"],
] as const)
  test(`${text} gives ${result}`, () => {
    const item = extract(text).find((found) => found.code === code);
    assert.equal(item?.result, result, JSON.stringify(extract(text)));
    assert.equal(item?.unit, "");
    assert.equal(item?.value, undefined);
  });

test("甲流、乙流 share a result", () => {
  assert.deepEqual(
    extract("甲流、乙流均阴性").map(({ result }) => result),
    ["negative", "negative"],
  );
});

test("an infection without a test has no result", () => {
  assert.deepEqual(extract("支原体感染要吃阿奇霉素吗"), []);
});
