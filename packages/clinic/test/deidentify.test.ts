/** Identifiers replaced by placeholders; none of them is a real person's. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { deidentify, hasValidChecksum } from "../src/index.ts";

const replaced: readonly (readonly [string, string])[] = [
  ["患儿姓名：赵晓彤，性别：女。", "患儿姓名：[NAME1]，性别：女。"],
  ["姓名: 昝立，男", "姓名: [NAME1]，男"],
  ["张小明，男，3岁，咳嗽2天。", "[NAME1]，男，3岁，咳嗽2天。"],
  ["患儿王磊因咳嗽3天入院，王磊平素体健。", "患儿[NAME1]因咳嗽3天入院，王磊平素体健。"],
  ["其母李秀英代诉。李秀英昨日发热。", "其母[NAME1]代诉。[NAME1]昨日发热。"],
  ["王医生查房，李建国主任指示。", "[NAME1]医生查房，[NAME2]主任指示。"],
  ["联系电话：13912345678。", "联系电话：[PHONE1]。"],
  ["手机139-1234-5678", "手机[PHONE1]"],
  ["座机 0571-88886666", "座机 [PHONE1]"],
  ["身份证号11010519491231002X", "身份证号[ID1]"],
  ["住院号：A20231234，床号：12", "住院号：[RECORD1]，床号：[RECORD2]"],
  ["出生日期：2020年3月5日", "出生日期：[BIRTH1]"],
  ["家住浙江省杭州市西湖区文三路12号3栋201室。", "家住[ADDRESS1]。"],
  ["曾在浙江大学医学院附属儿童医院住院。", "曾在[HOSPITAL1]住院。"],
  ["邮箱 a.b@example.org", "邮箱 [EMAIL1]"],
  ["微信号：wx_12345678", "微信号：[ACCOUNT1]"],
  ["Patient name: John A. Smith.", "Patient name: [NAME1]."],
  ["Seen by Dr. Emily Wong. Dr. Wong agreed.", "Seen by Dr. [NAME1]. Dr. [NAME2] agreed."],
  ["Maria López is a 3-year-old girl.", "[NAME1] is a 3-year-old girl."],
  ["DOB: 03/05/2019", "DOB: [BIRTH1]"],
  ["born on March 5, 2019 at term", "born on [BIRTH1] at term"],
  ["MRN: 445566, SSN 123-45-6789", "MRN: [RECORD1], SSN [ID1]"],
  ["Call (415) 555-0132 or +1 415 555 0133.", "Call [PHONE1] or [PHONE2]."],
  ["lives at 12 Oak Street, Springfield, IL 62704.", "lives at [ADDRESS1]."],
  ["referred from Riverside Children's Hospital.", "referred from [HOSPITAL1]."],
];

for (const [note, expected] of replaced) test(note, () => assert.equal(deidentify(note).text, expected));

const kept: readonly string[] = [
  "患儿高热3天，黄痰，于昨日就诊。",
  "患儿于3天前受凉后咳嗽，何时起病不详。",
  "建议去当地医院或儿童医院复查，二甲以上医院均可。",
  "谢谢医生，祝宝宝早日康复。",
  "奶奶高血压病史，血压150/90mmHg。",
  "WBC 12.3×10^9/L，CRP 46mg/L，2023-05-06复查，体温38.5℃。",
  "家长：查了血常规。",
  "Nurse: How old is he?",
  "Mother reports cough. Chest clear. Temp 38.5, HR 148, RR 54.",
  "No known drug allergies. Given amoxicillin 250 mg on 05/06/2023.",
];

for (const note of kept) test(`kept: ${note}`, () => assert.equal(deidentify(note).text, note));

test("the checksum of a resident's number", () => {
  assert.ok(hasValidChecksum("11010519491231002X"));
  assert.ok(!hasValidChecksum("110105194912310021"));
});

const pieces = [
  "姓名：王小明",
  "电话13912345678",
  "，",
  "咳嗽",
  "\n",
  "Dr. Amy Wong",
  "MRN 12345",
  "[NAME1]",
  "医院",
  " ",
  "a@b.co",
  "\ud800",
  "A",
  "去",
];

test("offsets lead back to the note, and what is not replaced stays", () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.constantFrom(...pieces), fc.string({ unit: "binary" })), { maxLength: 40 }),
      (list) => {
        const note = list.join("");
        const { text, replacements, toOriginal } = deidentify(note);
        let [from, out] = [0, ""];
        for (const { start, end, outStart, outEnd, placeholder } of replacements) {
          assert.ok(start >= from && end > start);
          out += note.slice(from, start);
          assert.equal(out.length, outStart);
          out += placeholder;
          assert.equal(out.length, outEnd);
          assert.equal(toOriginal(outStart), start);
          from = end;
        }
        assert.equal(text, out + note.slice(from));
        assert.equal(toOriginal(text.length), note.length);
      },
    ),
    { seed: 2, numRuns: 500 },
  );
});

test("time in proportion to the note", { timeout: 120_000 }, () => {
  const cost = (note: string): number => {
    const times = [0, 1, 2].map(() => {
      const before = process.cpuUsage();
      deidentify(note);
      const { user, system } = process.cpuUsage(before);
      return (user + system) / 1000;
    });
    return Math.min(...times);
  };
  for (const piece of [
    ...pieces,
    "王",
    "1",
    "1-",
    "A. ",
    "Aa ",
    "省",
    "市区路",
    "住址",
    "姓名：",
    "a.",
    "医",
    "Hospital ",
  ]) {
    const of = (length: number): string => piece.repeat(Math.ceil(length / piece.length));
    const [small, large] = [cost(of(25_000)), cost(of(100_000))];
    assert.ok(large < 9 * Math.max(small, 20), `${JSON.stringify(piece)}: ${small} ms, then ${large} ms`);
  }
});
