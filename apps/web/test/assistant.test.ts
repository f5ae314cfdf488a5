import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { setImmediate as tick } from "node:timers/promises";
import {
  type Assessment,
  diseaseNames,
  diseases,
  type Item,
  maxNoteLength,
  measures,
  referenceRange,
} from "@baltoro/clinic";
import fc from "fast-check";
import { errorFields, Problem } from "../src/api/problem.ts";
import { type AssessRequest, createAssess, longestNote } from "../src/assistant/assess.ts";
import { ageMonths, createCase } from "../src/assistant/case.ts";
import { examples } from "../src/assistant/examples.ts";
import { partsOf } from "../src/assistant/note/hidden.ts";
import { openFile } from "../src/assistant/note/open-file.ts";
import { type Mark, segmentsOf } from "../src/assistant/note/segments.ts";
import { problemName } from "../src/assistant/problems.ts";
import { numberText, percentText, rangeOf } from "../src/assistant/result/measures.ts";
import { itemText, valueRows } from "../src/assistant/result/value-rows.ts";
import { strings } from "../src/assistant/strings/index.ts";
import { languageOf } from "../src/language/language.ts";
import * as fixtures from "./assessments.ts";

/** A case whose answers the test gives by hand, in any order. */
function heldCase() {
  const asked: { request: AssessRequest; signal: AbortSignal; answer(a: Assessment): void; fail(e: unknown): void }[] =
    [];
  const patient = createCase(
    (request, signal) => new Promise((answer, fail) => asked.push({ request, signal, answer, fail })),
    () => 0,
  );
  return { patient, asked };
}

test("a stale answer never overwrites a newer note", async () => {
  const { patient, asked } = heldCase();
  patient.text.set("first");
  const first = patient.assess();
  patient.text.set("second");
  assert.ok(asked[0].signal.aborted, "the change of the note left the request");
  assert.equal(patient.running.get(), false);
  const second = patient.assess();
  asked[1].answer(fixtures.asthma);
  asked[0].answer(fixtures.pneumonia);
  assert.deepEqual([await first, await second], ["superseded", "done"]);
  assert.deepEqual([patient.result.get()?.text, patient.result.get()?.assessment], ["second", fixtures.asthma]);
  assert.ok(patient.isCurrent());
  patient.age.set({ years: "4", months: "" });
  assert.ok(!patient.isCurrent(), "another age makes it old");
});

test("asked twice, the last answer counts; cancelled, none does; failed, the note stays", async () => {
  const { patient, asked } = heldCase();
  patient.text.set("note");
  patient.age.set({ years: "2", months: "3" });
  const twice = [patient.assess(), patient.assess()];
  asked[1].answer(fixtures.asthma);
  asked[0].fail(new Problem("offline", "gone"));
  assert.deepEqual(await Promise.all(twice), ["superseded", "done"]);
  assert.deepEqual(asked[0].request, { text: "note", ageMonths: 27 });
  assert.equal(patient.problem.get(), undefined);

  const cancelled = patient.assess();
  patient.cancel();
  asked[2].answer(fixtures.pneumonia);
  assert.equal(await cancelled, "cancelled");
  assert.equal(patient.result.get()?.assessment, fixtures.asthma, "the result before is still there");

  const failed = patient.assess();
  asked[3].fail(new Problem("server", "broken", { status: 500 }));
  assert.equal(await failed, "failed");
  assert.deepEqual(
    [patient.text.get(), patient.problem.get()?.message, patient.running.get()],
    ["note", "broken", false],
  );
  await tick();
});

test("a note that is replaced can be had back, with its result", async () => {
  const { patient, asked } = heldCase();
  patient.text.set("first");
  const done = patient.assess();
  asked[0].answer(fixtures.asthma);
  await done;
  patient.replace("second");
  assert.equal(patient.result.get(), undefined);
  assert.ok(patient.previous());
  assert.deepEqual([patient.text.get(), patient.isCurrent()], ["first", true]);
  assert.ok(patient.previous(), "and the other again");
  assert.equal(patient.text.get(), "second");
  assert.equal(createCase(async () => fixtures.asthma).previous(), false);
});

test("ages are whole years and months, or nothing", () => {
  const of = (years: string, months: string) => ageMonths({ years, months });
  assert.deepEqual([of("", ""), of("3", ""), of("", "8"), of(" 2 ", "3"), of("0", "0")], [undefined, 36, 8, 27, 0]);
  for (const [years, months] of [
    ["-1", ""],
    ["2.5", ""],
    ["x", ""],
    ["121", ""],
    ["", "1441"],
    ["", "1e2"],
  ]) {
    assert.equal(of(years, months), "bad", `${years} ${months}`);
  }
});

test("the client sends the note in the body alone and takes nothing but an assessment", async () => {
  const sent: [string, RequestInit][] = [];
  const answer = (body: string, status = 200) =>
    createAssess({
      apiKey: () => "k",
      fetch: async (url, init = {}) => {
        sent.push([String(url), init]);
        return new Response(body, { status });
      },
    })({ text: "秘密", ageMonths: 3 }, new AbortController().signal);
  assert.deepEqual(await answer(JSON.stringify(fixtures.asthma)), fixtures.asthma);
  assert.deepEqual([sent[0][0], sent[0][1].body], ["/clinic/v1/assess", '{"text":"秘密","ageMonths":3}']);
  for (const wrong of [
    "",
    "<html>",
    "null",
    "{}",
    JSON.stringify({ ...fixtures.asthma, schema: "x" }),
    JSON.stringify({ ...fixtures.asthma, items: 1 }),
  ]) {
    await assert.rejects(answer(wrong), (error) => error instanceof Problem && error.kind === "malformed", wrong);
  }
});

test("each problem has the message of what is to be done about it", () => {
  const named = (status: number, kind: Problem["kind"], code?: string) =>
    problemName(new Problem(kind, "", { status, ...(code ? { code } : {}) }));
  assert.equal(problemName(new Problem("offline", "")), "offline");
  assert.equal(named(401, "unauthorized"), "unauthorized");
  assert.equal(named(403, "rejected", "wrong_role"), "forbidden");
  assert.equal(named(413, "rejected", "note_too_long"), "tooLong");
  assert.equal(named(429, "busy"), "busy");
  assert.equal(named(503, "server", "model_not_installed"), "notInstalled");
  assert.equal(named(503, "server", "not_ready"), "notReady");
  assert.equal(named(503, "server", "busy"), "busy");
  assert.equal(named(404, "rejected"), "noClinic");
  assert.equal(named(400, "rejected"), "rejected");
  assert.equal(named(500, "server"), "server");
  const outcome = {
    resourceType: "OperationOutcome",
    issue: [{ code: "x", diagnostics: "said", details: { coding: [{ code: "c" }] } }],
  };
  assert.deepEqual(errorFields(outcome), { message: "said", code: "c" });
});

const place = fc.integer({ min: -3, max: 40 });

test("segments joined are the note, and each mark's segments are its span", () => {
  const unit = fc.string({ unit: "grapheme", maxLength: 30 });
  fc.assert(
    fc.property(unit, fc.array(fc.tuple(place, place), { maxLength: 12 }), (text, spans) => {
      const marks = spans.map(([start, end], i): Mark => ({ ref: `r${i}`, layer: "value", start, end, label: "" }));
      const segments = segmentsOf(text, marks);
      assert.equal(segments.map((each) => each.text).join(""), text);
      for (const mark of marks) {
        const over = segments
          .filter((each) => each.marks.includes(mark))
          .map((each) => each.text)
          .join("");
        const [start, end] = [Math.max(0, mark.start), Math.min(text.length, mark.end)];
        const plain = start < end ? text.slice(start, end) : "";
        assert.ok(
          over.includes(plain) && over.length <= plain.length + 2,
          `${JSON.stringify(over)} ${JSON.stringify(plain)}`,
        );
        assert.ok(over.isWellFormed() || !text.isWellFormed());
      }
    }),
  );
});

test("an offset inside of an emoji takes the whole of it", () => {
  const [, mark] = segmentsOf("a😷b", [{ ref: "r", layer: "value", start: 2, end: 4, label: "" }]);
  assert.equal(mark.text, "😷b");
  assert.deepEqual(
    segmentsOf("ab", [{ ref: "r", layer: "flag", start: Number.NaN, end: Infinity, label: "" }]).map(
      (each) => each.marks.length,
    ),
    [0],
  );
});

test("hidden characters are found, and nothing else is", () => {
  const codes = (text: string) => partsOf(text).flatMap(({ code }) => code ?? []);
  assert.deepEqual(codes("a\u202Eb\u200Bc\u0000\uFEFF\u{E0041}"), ["U+202E", "U+200B", "U+0000", "U+FEFF", "U+E0041"]);
  assert.deepEqual(codes("体温\t38.5℃\r\n３岁 ❤️ 👩‍⚕️ 👩🏽‍⚕️ é العربية"), []);
  assert.deepEqual(codes("a\u200Db"), ["U+200D"]);
  fc.assert(
    fc.property(
      fc.string({ unit: "binary" }),
      (text) =>
        partsOf(text)
          .map((part) => part.text)
          .join("") === text,
    ),
  );
});

test("the chart has a line a test, the newest last, others' values apart", () => {
  const item = (code: string, value: number, start: number, more: Partial<Item> = {}): Item => ({
    code,
    value,
    unit: "Cel",
    text: "",
    start,
    end: start + 1,
    status: "current",
    ...more,
  });
  const items = [
    item("8310-5", 37.2, 9),
    item("8310-5", 38.5, 2),
    item("8310-5", 36.8, 20, { status: "past" }),
    item("8310-5", 39, 30, { status: "other" }),
    item("30525-0", 36, 0),
    item("1988-5", 8, 12, { unit: "mg/L", comparator: "<=" }),
  ];
  const { rows, others } = valueRows(items, 36);
  assert.deepEqual(
    rows.map(({ code, latest, earlier }) => [code, latest.item.value, earlier.map(({ item: each }) => each.value)]),
    [
      ["8310-5", 37.2, [36.8, 38.5]],
      ["1988-5", 8, []],
    ],
  );
  assert.deepEqual(
    others.map(({ index }) => index),
    [3],
  );
  assert.equal(itemText(rows[1].latest.item, {}, "/min"), "≤8 mg/L");
  assert.equal(itemText({ ...items[0], value: undefined, low: 36.5, high: 37.25 }, {}, "/min"), "36.5–37.25 °C");
  assert.deepEqual([numberText(0.1 + 0.2), numberText(12345.6), numberText(38)], ["0.3", "12346", "38"]);
  assert.deepEqual([0.001, 0.5, 0.999, 1, 0].map(percentText), ["<1%", "50%", ">99%", "100%", "0%"]);
});

test("the page's own tables agree with the clinic's", () => {
  assert.equal(longestNote, maxNoteLength);
  const findings = JSON.parse(
    readFileSync(new URL("../../../packages/clinic/src/lexicon/data/findings.json", import.meta.url), "utf8"),
  );
  const codes = [...measures.keys(), ...(findings.tests as { code: string }[]).map(({ code }) => code)];
  for (const words of Object.values(strings)) {
    for (const code of codes) assert.ok(words.values.names[code], `${words.language}: no name of ${code}`);
    for (const disease of diseases)
      assert.equal(words.differential.diseases[disease].name, diseaseNames[disease][words.language]);
  }
  for (const months of [0, 8, 38, 100, 200]) {
    for (const code of codes)
      assert.deepEqual(rangeOf(code, months)?.high, referenceRange(code, months)?.high, `${code} at ${months}`);
  }
});

test("both languages say everything, each in its own script", () => {
  const walk = (value: unknown, path: string): [string, unknown][] =>
    typeof value === "object" && value !== null
      ? Object.entries(value).flatMap(([key, each]) => walk(each, `${path}.${key}`))
      : [[path, value]];
  const [en, zh] = [walk(strings.en, ""), walk(strings.zh, "")];
  assert.deepEqual(en.map(([path]) => path).sort(), zh.map(([path]) => path).sort());
  for (const [path, value] of [...en, ...zh])
    assert.ok(typeof value === "function" || (typeof value === "string" && value !== ""), path);
  for (const [path, value] of en) if (typeof value === "string") assert.doesNotMatch(value, /\p{Script=Han}/u, path);
  const same = zh.filter(
    ([path, value]) =>
      typeof value === "string" && !/\p{Script=Han}/u.test(value) && !/^\.(language|values\.names)/.test(path),
  );
  assert.deepEqual(same, []);
  assert.deepEqual(
    [languageOf(["fr", "zh-CN", "en"]), languageOf(["en-GB", "zh"]), languageOf(["fr"]), languageOf([])],
    ["zh", "en", "en", "en"],
  );
});

test("examples are marked as synthetic in their own text", () => {
  for (const { text, language } of examples)
    assert.match(text, language === "zh" ? /^【示例，虚构病历】/ : /^\[EXAMPLE, SYNTHETIC NOTE\]/);
});

test("files are read in the encodings of Chinese systems; others are refused", async () => {
  const open = (...bytes: number[]) => openFile(new Blob([Uint8Array.from(bytes)]));
  assert.deepEqual(await openFile(new Blob(["\uFEFF体温38℃"])), { text: "体温38℃" });
  assert.deepEqual(await open(0xcc, 0xe5, 0xce, 0xc2), { text: "体温" }, "GB 18030");
  assert.deepEqual(await open(0xff, 0xfe, 0x53, 0x4f), { text: "体" }, "UTF-16");
  assert.deepEqual(await open(0x25, 0x50, 0x44, 0x46, 0x00), { fault: "badFile" });
  assert.deepEqual(await open(0xff, 0xff, 0xff), { fault: "badFile" });
  assert.deepEqual(await openFile(new Blob([new Uint8Array(2 ** 20 + 1)])), { fault: "bigFile" });
});
