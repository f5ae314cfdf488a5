/** The command as a user runs it, with a small model that is trained here on notes of the synthetic cohort; and its page by itself. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import {
  type Assessment,
  createAssessor,
  exampleOfRecord,
  fitProfile,
  generateCohort,
  maxNoteLength,
  saveDiagnosisModel,
  trainDiagnosisModel,
} from "@baltoro/clinic";
import { assessmentPage } from "../src/page/assessment-page.ts";
import { createPaint } from "../src/page/paint.ts";
import { clip, textWidth, wrap } from "../src/page/width.ts";

const launcher = join(import.meta.dirname, "../bin/baltoro.js");
const folder = mkdtempSync(join(tmpdir(), "baltoro-diagnose-"));
const model = join(folder, "model");
after(() => rmSync(folder, { recursive: true, force: true }));

const note =
  "患儿，男，1岁2月，咳嗽5天，发热3天，喘息1天。无惊厥、发绀。既往：6月龄时患毛细支气管炎。T 39.6℃，后降至38.4℃，R 54次/分，SpO2 91%。三凹征（+），双肺可闻及湿啰音。CRP 46mg/L。";
let assessment: Assessment;

before(
  async () => {
    const examples = [...generateCohort({ seed: 3, count: 360 })].map(exampleOfRecord);
    const [train, validation] = [examples.slice(0, 240), examples.slice(240)];
    const trained = await trainDiagnosisModel({
      ...{ examples: train, validation, threads: 1, seed: 1 },
      config: { width: 32, layers: 1, heads: 2, feedForward: 32 },
      training: { epochs: 1, pretrainingEpochs: 0 },
    });
    await saveDiagnosisModel(trained, model, {
      name: "small",
      version: "1",
      trainedOn: "synthetic",
      card: "# Small\n",
    });
    const probabilities = await trained.predict(validation.map(({ input }) => input));
    writeFileSync(join(model, "assess.json"), JSON.stringify(fitProfile({ train, validation, probabilities })));
    await trained.close();
    const assessor = await createAssessor({ modelDirectory: model });
    assessment = await assessor.assess(note);
    await assessor.close();
  },
  { timeout: 120_000 },
);

function baltoro(args: readonly string[], input: string | Uint8Array = "", environment: Record<string, string> = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [launcher, ...args], {
    ...{ encoding: "utf8", timeout: 60_000, input, maxBuffer: 2 ** 26, env: { ...process.env, ...environment } },
  });
  return { status, stdout, stderr };
}

const diagnose = (args: readonly string[], input: string | Uint8Array = "", environment = {}) =>
  baltoro(["diagnose", ...args, "--model", model], input, environment);

test("prints a page, without colour where it is piped, no line wider than asked", () => {
  for (const columns of [80, 120, 60]) {
    const { status, stdout, stderr } = diagnose(["-"], note, { COLUMNS: `${columns}` });
    assert.equal(stderr, "");
    assert.equal(status, 0);
    assert.equal(stdout, stripVTControlCharacters(stdout));
    for (const line of stdout.split("\n")) assert.ok(textWidth(line) <= columns, `${textWidth(line)}: ${line}`);
    const order = ["危险信号", "检查结果", "鉴别诊断", "依据", "请注意"].map((title) => stdout.indexOf(title));
    assert.deepEqual(
      order,
      order.toSorted((a, b) => a - b),
    );
    assert.match(stdout, /三凹征/);
    assert.match(stdout, /39\.6 → 38\.4 ℃/);
  }
});

test("--json is the assessment, --fhir a Bundle of it", () => {
  const json = JSON.parse(diagnose(["-", "--json"], note).stdout) as Assessment;
  assert.deepEqual(json, JSON.parse(JSON.stringify(assessment)));
  assert.equal(json.model.name, "small");
  const bundle = JSON.parse(diagnose(["-", "--fhir"], note).stdout);
  assert.equal(bundle.resourceType, "Bundle");
  const types = bundle.entry.map(({ resource }: { resource: { resourceType: string } }) => resource.resourceType);
  assert.ok(types.includes("RiskAssessment") && !types.includes("Condition"));
});

test("an age may be given, and takes the note into the scope or out of it", () => {
  const scopeOf = (args: readonly string[]) => JSON.parse(diagnose(["-", "--json", ...args], "咳嗽2天。").stdout).scope;
  assert.deepEqual(scopeOf([]), { inside: false, reasons: ["age-unknown"] });
  assert.deepEqual(scopeOf(["--age", "30"]), { inside: true, reasons: [] });
  assert.deepEqual(scopeOf(["--age", "240"]), { inside: false, reasons: ["adult"] });
  assert.match(diagnose(["-", "--language", "en"], "咳嗽2天。").stdout, /Outside the scope/);
});

test("GB18030 and UTF-16 are read, and named", () => {
  const gb = Uint8Array.from([0xbf, 0xc8, 0xcb, 0xd4, 0xa3, 0xac, 0x33, 0xcb, 0xea]); // 咳嗽，3岁
  const read = diagnose(["-", "--json"], gb);
  assert.match(read.stderr, /GB18030/);
  assert.equal(JSON.parse(read.stdout).patient.ageMonths, 36);
  const wide = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from("咳嗽，3岁", "utf16le")]);
  assert.match(diagnose(["-", "--json"], wide).stderr, /UTF-16/);
});

test("what is wrong is said, with the exit code, and no word of the note", () => {
  const cases: readonly (readonly [string[], string | Uint8Array, RegExp, number])[] = [
    [[join(folder, "none.txt")], "", /there is no file/, 1],
    [[folder], "", /is a folder/, 1],
    [["-"], "", /is empty/, 1],
    [["-"], " \n\t", /is empty/, 1],
    [["-"], "咳".repeat(maxNoteLength + 1), /100001 characters, more than the 100000/, 1],
    [["-"], "a".repeat(500_000), /more than the 100000/, 1],
    [["-"], Uint8Array.from([0x81, 0xff, 0xff, 0x20]), /neither UTF-8 nor GB18030/, 1],
    [["-"], Uint8Array.from([1, 0, 2]), /no text/, 1],
    [[], "", /a note is missing/, 2],
    [["-", "--language", "fr"], note, /--language is fr/, 2],
    [["-", "--age", "x"], note, /--age is x/, 2],
    [["-", "--json", "--fhir"], note, /two outputs/, 2],
    [["a", "b"], "", /one note at a time/, 2],
  ];
  for (const [args, input, message, code] of cases) {
    const { status, stdout, stderr } = diagnose(args, input);
    assert.match(stderr, message);
    assert.equal(status, code, stderr);
    assert.equal(stdout, "");
    assert.ok(!stderr.includes("患儿") && !stderr.includes("咳咳"));
  }
  const { status, stderr } = baltoro(["diagnose", "-", "--model", join(folder, "nowhere")], note);
  assert.deepEqual([status, /no diagnosis model/.test(stderr)], [1, true]);
});

test("no control character of a note reaches the terminal", () => {
  const hostile = "3岁，\u001b[31m咳嗽\u001b]0;title\u0007，\u202e口唇发绀\u009b2J，三凹征\u001b[2J。";
  const { stdout } = diagnose(["-"], hostile);
  assert.ok(!/[\p{Cc}\p{Cf}]/u.test(stdout.replaceAll("\n", "")));
});

test("in colour or not, the words are the same", () => {
  for (const language of ["zh", "en"] as const) {
    const page = (colour: boolean) =>
      assessmentPage(assessment, { language, width: 100, paint: createPaint(colour) }).join("\n");
    assert.equal(stripVTControlCharacters(page(true)), page(false));
    assert.notEqual(page(true), page(false));
  }
});

test("Chinese takes two columns", () => {
  assert.equal(textWidth("肺炎 ab（"), 4 + 3 + 2);
  assert.equal(clip("肺炎肺炎", 5), "肺炎…");
  assert.deepEqual(wrap("肺炎支气管炎，ab", 8), ["肺炎支气", "管炎，ab"]);
  assert.equal(textWidth("e\u0301"), 1);
});

test("baltoro clinic deidentify prints the note with placeholders, and says that it is not perfect", () => {
  const { status, stdout, stderr } = baltoro(["clinic", "deidentify", "-"], "姓名：赵晓彤，电话13912345678\n");
  assert.deepEqual([status, stdout], [0, "姓名：[NAME1]，电话[PHONE1]\n"]);
  assert.match(stderr, /2 replaced; not all/);
  const { replacements } = JSON.parse(baltoro(["clinic", "deidentify", "-", "--json"], "电话13912345678").stdout);
  assert.deepEqual(replacements, [
    { kind: "phone", start: 2, end: 13, outStart: 2, outEnd: 10, placeholder: "[PHONE1]" },
  ]);
  assert.equal(baltoro(["clinic", "deidentify"]).status, 2);
});
