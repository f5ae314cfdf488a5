import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { diseasesIn } from "../src/train/local/diagnosis.ts";
import { readLocalNotes, splitLocalNotes } from "../src/train/local/index.ts";

test("a diagnosis in words or ICD-10 names our diseases, the longest name first", () => {
  const cases: [string, string[]][] = [
    ["支气管肺炎", ["pneumonia"]],
    ["急性支气管炎", ["bronchitis"]],
    ["毛细支气管炎，支气管哮喘", ["bronchitis", "asthma"]],
    ["上呼吸道感染", ["rti"]],
    ["咳嗽待查，排除肺炎", []],
    ["小儿腹泻", []],
    ["Community acquired pneumonia; asthma", ["pneumonia", "asthma"]],
    ["Acute URI", ["rti"]],
    ["Urinary tract infection", []],
    ["J18.9", ["pneumonia"]],
    ["J06.9", ["rti"]],
    ["J21.9", ["bronchitis"]],
    ["J45.901", ["asthma"]],
    ["K52.9", []],
  ];
  for (const [text, expected] of cases) assert.deepEqual(diseasesIn(text), expected, text);
});

async function directoryOf(t: { after(body: () => unknown): void }, files: Readonly<Record<string, string>>) {
  const directory = await mkdtemp(join(tmpdir(), "baltoro-notes-"));
  t.after(() => rm(directory, { recursive: true }));
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
  return directory;
}

const bundle = {
  resourceType: "Bundle",
  id: "b1",
  entry: [
    { resource: { resourceType: "Patient", id: "p7" } },
    {
      resource: {
        resourceType: "DocumentReference",
        content: [
          { attachment: { contentType: "text/plain", data: Buffer.from("患儿，3岁，咳嗽").toString("base64") } },
        ],
      },
    },
    {
      resource: {
        resourceType: "Observation",
        code: { coding: [{ system: "http://loinc.org", code: "8310-5" }] },
        valueQuantity: { value: 101.3, code: "[degF]" },
      },
    },
    { resource: { resourceType: "Condition", code: { coding: [{ code: "J18.9" }] } } },
    {
      resource: {
        resourceType: "Condition",
        code: { text: "asthma" },
        verificationStatus: { coding: [{ code: "refuted" }] },
      },
    },
  ],
};

test("JSON lines, CSV and FHIR bundles give the same kind of note", async (t) => {
  const directory = await directoryOf(t, {
    "a.jsonl": `${JSON.stringify({ id: 1, text: "咳嗽", labels: ["pneumonia", "asthma"] })}\n\n${JSON.stringify(bundle)}\n`,
    "b.csv": '\ufeffid,note,diagnosis\r\n7,"cough, ""wet""\nand fever",Acute bronchitis\r\n8,well child,\r\n',
    "c.json": JSON.stringify([{ text: "cough", labels: { rti: 1, asthma: 0 }, split: "test" }]),
    "ignored.txt": "x",
  });
  const { notes, errors } = await readLocalNotes(directory);
  assert.deepEqual(errors, []);
  assert.deepEqual(
    notes.map(({ text, diseases, other }) => [text, diseases, other]),
    [
      ["咳嗽", ["pneumonia", "asthma"], false],
      ["患儿，3岁，咳嗽", ["pneumonia"], false],
      ['cough, "wet"\nand fever', ["bronchitis"], false],
      ["well child", [], true],
      ["cough", ["rti"], false],
    ],
  );
  const [item] = notes[1].items;
  assert.ok(Math.abs((item.value ?? 0) - 38.5) < 1e-9 && item.unit === "Cel");
  assert.equal(notes[1].patient, "patient p7");
  assert.equal(notes[4].split, "test");
});

test("what cannot be used is named by file, line and field, and the rest is read", async (t) => {
  const directory = await directoryOf(t, {
    "a.jsonl": [
      "{",
      JSON.stringify({ text: "x" }),
      JSON.stringify({ labels: [] }),
      JSON.stringify({ text: "x", labels: ["pnuemonia"] }),
      JSON.stringify({ text: "x", labels: ["none"] }),
      JSON.stringify({ resourceType: "Bundle", entry: [] }),
    ].join("\n"),
    "b.csv": "text,labels\na,b,c\n",
    "c.csv": 'text,labels\n"open,rti\n',
  });
  const { notes, errors, wrong } = await readLocalNotes(directory);
  assert.equal(notes.length, 1);
  assert.equal(wrong, 7);
  const expected = [
    /a\.jsonl, line 1: .*JSON/,
    /a\.jsonl, line 2: there is no diagnosis/,
    /a\.jsonl, line 3: there is no text/,
    /a\.jsonl, line 4: labels holds "pnuemonia", which is none of pneumonia, rti, bronchitis, asthma/,
    /a\.jsonl, line 6: the Bundle has no note/,
    /b\.csv, line 2: 3 cells, the header has 2/,
    /c\.csv: line 2: a quote is opened and not closed/,
  ];
  for (const [i, pattern] of expected.entries()) assert.match(errors[i], pattern);
  await assert.rejects(readLocalNotes(join(directory, "no-such")), /there is no such file/);
});

test("notes of one patient stay together, and a split that is given stays", () => {
  const notes = Array.from({ length: 600 }, (_, i) => ({
    ...{ id: String(i), text: "x", diseases: [], items: [], other: true, patient: `patient ${i % 200}` },
    ...(i === 5 && { split: "test" as const }),
  }));
  const { train, validation, test: judged } = splitLocalNotes(notes);
  assert.equal(train.length + validation.length + judged.length, 600);
  assert.ok(judged.some(({ id }) => id === "5"));
  const patients = (list: typeof train) => new Set(list.filter(({ split }) => !split).map(({ patient }) => patient));
  const judgedPatients = patients(judged);
  assert.ok([...patients(train)].every((patient) => !judgedPatients.has(patient)));
  assert.ok(train.length > 360 && judged.length > 50 && validation.length > 50);
});
