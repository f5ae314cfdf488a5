import assert from "node:assert/strict";
import { test } from "node:test";
import {
  assignFolds,
  collapseMasks,
  type Example,
  labelsFromDiagnosis,
  maskCharacter,
  maskDiseaseNames,
  NoteError,
  parseExample,
} from "@baltoro/clinic";
import fc from "fast-check";

const m = (count: number) => maskCharacter.repeat(count);

test("names are masked, the longest first, and the length stays", () => {
  assert.equal(maskDiseaseNames("支气管肺炎，不是支气管炎"), `${m(5)}，不是${m(4)}`);
  assert.equal(maskDiseaseNames("毛细支气管炎或上呼吸道感染"), `${m(6)}或${m(6)}`);
  assert.equal(
    maskDiseaseNames("Asthma? URI, not urinary; bacterial pneumoniae"),
    `${m(6)}? ${m(3)}, not urinary; bacterial pneumoniae`,
  );
  const parts = fc.constantFrom("支", "气管", "肺炎", "炎", "感冒", "asthma", " ", "毛", "uri", "x");
  fc.assert(
    fc.property(fc.array(parts), (words) => {
      const text = words.join("");
      const masked = maskDiseaseNames(text);
      assert.equal(masked.length, text.length);
      assert.doesNotMatch(masked, /肺炎|气管炎|感冒|支炎/);
      assert.equal(maskDiseaseNames(masked), masked);
      assert.ok(!collapseMasks(masked).includes(m(2)));
    }),
  );
});

test("a dialogue loses the doctor's diagnosis, keeps every speaker, and knows no asthma", () => {
  const utterances = [
    { speaker: "patient", text: "宝宝2岁，发烧38.5度", act: 14 },
    { speaker: "doctor", text: "是肺炎", act: 4 },
    { speaker: "doctor", text: "有感冒吗", act: 13 },
  ];
  const { input, labels, label, turns, ageMonths } = parseExample(
    JSON.stringify({ id: "7", label: "小儿支气管肺炎", utterances }),
    1,
  );
  assert.equal(input.text, `宝宝2岁，发烧38.5度\n有${m(2)}吗`);
  assert.deepEqual(labels, [1, 0, 0, undefined]);
  assert.equal(label, "小儿支气管肺炎");
  assert.equal(ageMonths, 24);
  assert.deepEqual(
    turns?.map(({ start, end }) => input.text.slice(start, end)),
    input.text.split("\n"),
  );
  for (const { start, end, text } of input.items) assert.equal(input.text.slice(start, end), text);
});

test("reports, self-reports and plain notes", () => {
  const report = { 主诉: "咳嗽2天。", 现病史: "患儿咳嗽。", 诊断: "支气管炎，肺炎不能排除。", 建议: "抗感染。" };
  const read = parseExample(JSON.stringify({ report }), 12);
  assert.equal(read.id, "12");
  assert.equal(read.input.text, "主诉：咳嗽2天。\n现病史：患儿咳嗽。");
  assert.deepEqual(read.labels, [undefined, 0, 1, undefined]);
  assert.deepEqual(labelsFromDiagnosis("支气管肺炎。"), [1, 0, 0, undefined]);
  assert.deepEqual(labelsFromDiagnosis("。"), [undefined, undefined, undefined, undefined]);
  const self = parseExample(JSON.stringify({ id: "a", label: "小儿腹泻", self_report: "拉肚子" }), 1);
  assert.deepEqual(self.labels, [0, 0, undefined, undefined]);
  const plain = parseExample(JSON.stringify({ id: 3, text: "cough", labels: ["asthma", "rti"] }), 1);
  assert.deepEqual(plain.labels, [0, 1, 0, 1]);
});

test("what is no example is told by field", () => {
  const wrong = (value: unknown, message: RegExp) =>
    assert.throws(
      () => parseExample(typeof value === "string" ? value : JSON.stringify(value), 1),
      (error) => {
        assert.ok(error instanceof NoteError);
        assert.match(error.message, message);
        return true;
      },
    );
  wrong("{", /not JSON/);
  wrong([], /not an object/);
  wrong({ id: {} }, /id is object/);
  wrong({ id: 1 }, /none of text/);
  wrong({ id: 1, text: "a", labels: ["flu"] }, /labels holds "flu"/);
  wrong({ id: 1, utterances: [{ text: 5 }] }, /utterances\[0\]\.text is number/);
  wrong({ id: 1, symptoms: {} }, /symptoms without text/);
});

test("folds are stratified and depend on ids alone", () => {
  const examples: Example[] = Array.from({ length: 103 }, (_, i) => ({
    id: `n${i}`,
    input: { text: "", items: [] },
    labels: [],
    label: i % 10 === 0 ? "few" : "many",
  }));
  const folds = assignFolds(examples, 5);
  for (let fold = 0; fold < 5; fold++) {
    const inside = examples.filter((_, i) => folds[i] === fold);
    assert.ok(Math.abs(inside.length - 103 / 5) < 1);
    assert.ok(Math.abs(inside.filter(({ label }) => label === "few").length - 11 / 5) < 1);
  }
  const turned = assignFolds(examples.toReversed(), 5).toReversed();
  assert.deepEqual(turned, folds);
});
