import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { htmlToText, JsonError, readJson } from "../src/fhir/index.ts";
import { FhirError, fromBundle } from "../src/index.ts";

const base64 = (text: string) => Buffer.from(text).toString("base64");
const bundle = (...resources: object[]) => ({
  resourceType: "Bundle",
  type: "searchset",
  entry: resources.map((resource) => ({ resource })),
});
const patient = { resourceType: "Patient", id: "7", birthDate: "2021-02-28" };
const encounter = {
  resourceType: "Encounter",
  id: "e",
  status: "finished",
  class: {},
  period: { start: "2024-02-28T09:30:00+08:00" },
};
const document = (data: string, more: object = {}) => ({
  ...{ resourceType: "DocumentReference", id: "d", status: "current", subject: { reference: "Patient/7" } },
  ...{ content: [{ attachment: { contentType: "text/plain", data, ...more } }] },
});
const observation = (code: string, value: object, more: object = {}) => ({
  ...{ resourceType: "Observation", status: "final", code: { coding: [{ system: "http://loinc.org", code }] } },
  ...{ effectiveDateTime: "2024-02-28T08:00:00Z", ...value, ...more },
});
const quantity = (value: number, unit: string) => ({
  valueQuantity: { value, unit, system: "http://unitsofmeasure.org", code: unit },
});

function failure(value: unknown): FhirError {
  try {
    fromBundle(value);
  } catch (error) {
    assert.ok(error instanceof FhirError, String(error));
    return error;
  }
  throw new assert.AssertionError({ message: "was read" });
}

test("note, age and results in canonical units", () => {
  const content = fromBundle(
    bundle(
      patient,
      encounter,
      document(base64("患儿，咳嗽3天")),
      observation("8310-5", quantity(101.3, "[degF]")),
      observation("1988-5", quantity(3, "mg/dL")),
      observation("26464-8", { valueQuantity: { value: 12.5, unit: "10^9/L" } }),
      observation("33959-8", { valueQuantity: { ...quantity(0.5, "ng/mL").valueQuantity, comparator: "<" } }),
      observation("8867-4", {
        valueRange: { low: quantity(120, "/min").valueQuantity, high: quantity(130, "/min").valueQuantity },
      }),
      observation("9279-1", quantity(30, "/min"), { effectiveDateTime: "2023-11-02" }),
      observation("12345-6", quantity(1, "mol/L")),
      observation("6690-2", quantity(9, "10*9/L"), { status: "entered-in-error" }),
    ),
  );
  assert.equal(content.text, "患儿，咳嗽3天");
  assert.equal(content.ageMonths, 36, "a third birthday");
  assert.equal(content.subject, "Patient/7");
  assert.equal(content.document, "DocumentReference/d");
  assert.deepEqual(
    content.items.map(({ code, value, low, high, unit, comparator, status }) => [
      code,
      value ?? [low, high],
      unit,
      comparator ?? "",
      status,
    ]),
    [
      ["8310-5", 38.5, "Cel", "", "current"],
      ["1988-5", 30, "mg/L", "", "current"],
      ["6690-2", 12.5, "10*9/L", "", "current"],
      ["33959-8", 0.5, "ng/mL", "<", "current"],
      ["8867-4", [120, 130], "/min", "", "current"],
      ["9279-1", 30, "/min", "", "past"],
    ],
  );
  assert.deepEqual(content.issues, []);
});

test("a panel's components, and results without a number", () => {
  const { items } = fromBundle(
    bundle(
      observation(
        "85354-9",
        {},
        {
          component: [
            { code: { coding: [{ system: "http://loinc.org", code: "8480-6" }] }, ...quantity(12.5, "kPa") },
            {
              code: { coding: [{ system: "http://loinc.org", code: "8462-4" }] },
              dataAbsentReason: { text: "not measured" },
            },
          ],
        },
      ),
      {
        ...observation("x", { valueCodeableConcept: { coding: [{ code: "POS" }] } }),
        ...{ code: { text: "Mycoplasma pneumoniae" } },
      },
    ),
  );
  assert.deepEqual(
    items.map(({ code, value, result }) => [code, value ?? result]),
    [
      ["8480-6", 93.75775],
      ["mycoplasma-pneumoniae", "positive"],
    ],
  );
});

test("age: by the calendar, at the encounter, else the note, else the latest result", () => {
  const ageOf = (birthDate: string, date: string) =>
    fromBundle(bundle({ ...patient, birthDate }, { ...encounter, period: { start: date } })).ageMonths;
  assert.equal(ageOf("2019-03-15", "2024-03-15"), 60);
  assert.ok((ageOf("2019-03-15", "2024-03-14") as number) < 60);
  assert.ok((ageOf("2024-01-31", "2024-02-29") as number) > 0.9);
  assert.equal(ageOf("2024-01", "2024-03-15"), 2);
  assert.equal(ageOf("2019", "2024-03-15"), undefined);
  assert.equal(fromBundle(bundle(patient, { ...document(base64("x")), date: "2024-02-28T00:00:00Z" })).ageMonths, 36);
  assert.equal(fromBundle(bundle(patient, observation("8310-5", quantity(38, "Cel")))).ageMonths, 36);
  assert.equal(
    fromBundle(bundle({ ...patient, birthDate: undefined }, observation("30525-0", quantity(4, "a")))).ageMonths,
    48,
  );
  const dateless = fromBundle(bundle(patient, document(base64("x"))));
  assert.equal(dateless.ageMonths, undefined);
  assert.equal(dateless.issues[0].path, "Bundle.entry[0].resource.birthDate");
  fc.assert(
    fc.property(
      fc.date({ min: new Date("2000-01-01"), max: new Date("2024-01-01"), noInvalidDate: true }),
      fc.nat(6000),
      (birth, days) => {
        const day = (time: number) => new Date(time).toISOString().slice(0, 10);
        const start = birth.getTime();
        const [first, second] = [
          ageOf(day(start), day(start + days * 86_400_000)),
          ageOf(day(start), day(start + (days + 1) * 86_400_000)),
        ] as number[];
        assert.ok(second > first, "a day older is older");
        assert.ok(Math.abs(first - days / 30.4375) < 1.1);
      },
    ),
  );
});

test("notes: plain, HTML, GBK, by a Binary, out of Composition and DiagnosticReport", () => {
  const textOf = (...resources: object[]) => fromBundle(bundle(...resources)).text;
  assert.equal(
    textOf(document(base64("<p>T <b>38</b>&#8451;</p><script>x</script><p>cough</p>"), { contentType: "text/html" })),
    "T 38℃\n\ncough",
  );
  assert.equal(
    textOf(
      document(Buffer.from([0xbf, 0xc8, 0xcb, 0xd4]).toString("base64"), { contentType: "text/plain; charset=GBK" }),
    ),
    "咳嗽",
  );
  assert.equal(
    textOf({
      resourceType: "Composition",
      section: [
        {
          title: "HPI",
          text: { status: "generated", div: "<div>cough<br/>fever</div>" },
          section: [{ text: { div: "<div>more</div>" } }],
        },
      ],
    }),
    "HPI:\ncough\nfever\n\nmore",
  );
  assert.equal(
    textOf({ resourceType: "DiagnosticReport", status: "final", conclusion: "no consolidation" }),
    "no consolidation",
  );
  const linked = {
    resourceType: "Bundle",
    entry: [
      { resource: { ...document(""), content: [{ attachment: { contentType: "text/plain", url: "urn:uuid:b" } }] } },
      {
        fullUrl: "urn:uuid:b",
        resource: { resourceType: "Binary", contentType: "text/plain", data: base64("in a Binary") },
      },
    ],
  };
  assert.equal(fromBundle(linked).text, "in a Binary");
  assert.equal(textOf(document(base64("%PDF"), { contentType: "application/pdf" })), "");
  assert.equal(textOf({ ...document(base64("wrong")), status: "entered-in-error" }), "");
});

test("errors name the FHIRPath and quote nothing", () => {
  const canary = "Zhang-Wei-canary";
  const cases: [unknown, string][] = [
    [[], "Bundle"],
    [{ resourceType: canary }, "Bundle.resourceType"],
    [{ resourceType: "Bundle", entry: canary }, "Bundle.entry"],
    [bundle(patient, document(`${canary}!`)), "Bundle.entry[1].resource.content[0].attachment.data"],
    [
      bundle(document(Buffer.from([0xff, 0xfe]).toString("base64"))),
      "Bundle.entry[0].resource.content[0].attachment.data",
    ],
    [
      bundle(document(base64("x"), { contentType: `text/plain; charset=${canary}` })),
      "Bundle.entry[0].resource.content[0].attachment.contentType",
    ],
    [bundle({ ...patient, birthDate: canary }, encounter), "Bundle.entry[0].resource.birthDate"],
    [bundle({ ...patient, birthDate: "2023-02-30" }, encounter), "Bundle.entry[0].resource.birthDate"],
    [bundle({ ...patient, birthDate: "2030-01-01" }, encounter), "Bundle.entry[0].resource.birthDate"],
    [bundle(patient, { ...patient, id: canary }), "Bundle.entry"],
    [
      bundle(patient, { ...document(base64("x")), subject: { reference: `Patient/${canary}` } }),
      "Bundle.entry[1].resource.subject.reference",
    ],
    [
      bundle(observation("8310-5", { valueQuantity: { value: canary } })),
      "Bundle.entry[0].resource.valueQuantity.value",
    ],
    [
      bundle(observation("8310-5", quantity(38, "Cel"), { effectiveDateTime: canary })),
      "Bundle.entry[0].resource.effectiveDateTime",
    ],
    [bundle(document(base64("咳".repeat(100_001)))), "Bundle.entry"],
  ];
  for (const [value, path] of cases) {
    const { path: found, message } = failure(value);
    assert.equal(found, path);
    assert.ok(message.startsWith(path) && !message.includes(canary) && !message.includes("咳"), message);
  }
});

test("a result that cannot be converted is a warning with its path, and the others are read", () => {
  const { items, issues } = fromBundle(
    bundle(
      observation("1988-5", quantity(3, "mol/L")),
      observation("1988-5", { valueQuantity: { value: 3 } }),
      observation("6690-2", { valueString: "many" }),
      observation("1988-5", quantity(4, "mg/L")),
    ),
  );
  assert.deepEqual(
    items.map(({ value }) => value),
    [4],
  );
  assert.deepEqual(
    issues.map(({ path }) => path),
    [
      "Bundle.entry[0].resource.valueQuantity.code",
      "Bundle.entry[1].resource.valueQuantity.unit",
      "Bundle.entry[2].resource.valueString",
    ],
  );
});

test("one patient by several names", () => {
  const resource = { ...patient };
  const value = {
    resourceType: "Bundle",
    entry: [
      { fullUrl: "https://ehr.example.org/fhir/Patient/7", resource },
      { resource: { ...document(base64("x")), subject: { reference: "https://ehr.example.org/fhir/Patient/7" } } },
      { resource: observation("8310-5", quantity(38, "Cel"), { subject: { reference: "Patient/7/_history/2" } }) },
    ],
  };
  assert.equal(fromBundle(value).subject, "Patient/7");
});

test("JSON that would change prototypes is refused, and its text is not quoted", () => {
  for (const text of [
    '{"__proto__": {"polluted": 1}}',
    '{"a": [{"constructor": {"prototype": {"polluted": 1}}}]}',
    '{"\\u005f_proto__": 1}',
  ]) {
    assert.throws(() => readJson(text), JsonError);
  }
  assert.equal(({} as Record<string, unknown>)["polluted"], undefined);
  assert.throws(() => readJson(`${"[".repeat(100_000)}${"]".repeat(100_000)}`), /deeper than 64/);
  assert.throws(
    () => readJson('{"text": "患儿张伟" oops'),
    (error: Error) => !/张伟|oops/.test(error.message) && /character/.test(error.message),
  );
  assert.throws(
    () => readJson("张伟"),
    (error: Error) => !error.message.includes("张伟"),
  );
  assert.deepEqual(readJson('{"a": [1, {"b": null}]}'), { a: [1, { b: null }] });
});

test("any JSON gives a result or a FhirError", () => {
  const known = fc.constantFrom(
    "Bundle",
    "Patient",
    "Observation",
    "DocumentReference",
    "Composition",
    "text/plain",
    "8310-5",
    "2024-01-01",
    "Cel",
  );
  const names =
    "resourceType entry resource code coding system valueQuantity value unit content attachment data contentType birthDate subject reference section text div component effectiveDateTime".split(
      " ",
    );
  const value = fc.letrec((tie) => ({
    node: fc.oneof(
      { depthSize: "small" },
      known,
      fc.jsonValue(),
      fc.array(tie("node"), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom(...names), tie("node"), { maxKeys: 5 }),
    ),
  })).node;
  fc.assert(
    fc.property(fc.array(value, { maxLength: 4 }), (resources) => {
      for (const input of [resources, bundle(...(resources as object[]))])
        try {
          fromBundle(input);
        } catch (error) {
          assert.ok(error instanceof FhirError, String((error as Error).stack));
        }
    }),
    { numRuns: 500 },
  );
});

test("HTML becomes text: numbers after < stay, scripts go, unclosed tags lose nothing", () => {
  assert.equal(htmlToText("CRP <5 mg/L, age < 2, a&lt;b&gt; &amp;lt;"), "CRP <5 mg/L, age < 2, a<b> &lt;");
  assert.equal(htmlToText("a<!-- x > y -->b<style>p{}</style>c<td>1</td><td title='>'>2"), "abc 1  2");
  assert.equal(htmlToText('fever <p title="open> cough'), "fever\n cough");
  assert.equal(htmlToText("&#0;&#xD800;&#99999999;&nosuch;"), "\ufffd\ufffd&#99999999;&nosuch;");
});

test("HTML takes time in proportion to its length", () => {
  for (const piece of ["<", "<a '", "<!--", "<script>", "&", "   ", '<p"', "\n\n ", "</"]) {
    const time = (length: number) => {
      const html = piece.repeat(length / piece.length);
      const start = performance.now();
      htmlToText(html);
      return performance.now() - start;
    };
    time(50_000);
    assert.ok(time(800_000) < 2000, `${JSON.stringify(piece)} at 800 kB`);
  }
});
