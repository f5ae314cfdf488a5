import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { type Assessment, openAuditLog } from "../src/index.ts";
import { type Card, cardsOf } from "../src/service/cards.ts";
import { escapeMarkdown } from "../src/service/markdown.ts";
import { assertR4 } from "./r4.ts";
import { createAssessor } from "./small-assessor.ts";
import { get, noteBundle, post, withService } from "./with-service.ts";

const path = "/cds-services/respiratory-differential";
const note = "患儿，咳嗽3天，体温38.6℃，双肺可闻及湿啰音，SpO2 90%。";
const entry = (noteBundle(note) as { entry: { resource: object }[] }).entry;
const request = {
  hook: "patient-view",
  hookInstance: "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
  context: { userId: "Practitioner/1", patientId: "7" },
  prefetch: { patient: entry[0].resource, notes: { resourceType: "Bundle", type: "searchset", entry: [entry[1]] } },
};

/** The members that a card of CDS Hooks 2.0 may and must have, and nothing null or empty anywhere. */
function assertCards(cards: readonly Card[]): void {
  const walk = (value: unknown, place: string): void => {
    assert.ok(value !== null && value !== undefined && value !== "", `${place} is empty`);
    if (typeof value === "object")
      for (const [name, part] of Object.entries(value as object)) walk(part, `${place}.${name}`);
  };
  for (const card of cards) {
    walk(card, "card");
    assert.deepEqual(Object.keys(card).sort(), ["detail", "indicator", "overrideReasons", "source", "summary", "uuid"]);
    assert.match(card.uuid, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/);
    assert.ok(card.summary.length < 140, card.summary);
    assert.ok(["info", "warning", "critical"].includes(card.indicator));
  }
}

test("discovery: the service, its hook and what it wants prefetched", () =>
  withService({}, async ({ service }) => {
    const { services } = (await (await service.handle(get("/cds-services"))).json()) as {
      services: Record<string, unknown>[];
    };
    assert.equal(services.length, 1);
    assert.deepEqual(
      [services[0]["hook"], services[0]["id"], Object.keys(services[0]["prefetch"] as object)],
      ["patient-view", "respiratory-differential", ["patient", "notes", "observations", "encounter"]],
    );
  }));

test("cards: signs of danger as critical, then the ranking as a whole", () =>
  withService({}, async ({ service, directory }) => {
    const observations = {
      ...{ resourceType: "Bundle", type: "searchset" },
      entry: [
        {
          resource: {
            ...{
              resourceType: "Observation",
              status: "final",
              code: { coding: [{ system: "http://loinc.org", code: "1988-5" }] },
            },
            valueQuantity: { value: 3, unit: "spoons" },
          },
        },
      ],
    };
    const body = { ...request, prefetch: { ...request.prefetch, observations, encounter: null } };
    const response = await service.handle(post(path, body, { "Accept-Language": "en" }));
    assert.equal(response.status, 200);
    const { cards } = (await response.json()) as { cards: Card[] };
    assertCards(cards);
    assert.deepEqual(
      cards.map(({ indicator }) => indicator),
      ["critical", "info"],
    );
    assert.match(cards[0].summary, /Oxygen saturation below 92%/);
    assert.match(cards[1].summary, /ranked.*Pneumonia \d+%.*Asthma \d+%/);
    assert.match(cards[1].detail, /\| Pneumonia \| \d+% \| \d+%–\d+% \| “湿啰音” \| – \|/);
    assert.match(cards[1].detail, /prefetch\\\.observations\\\.entry\\\[0\\\]/);
    const log = openAuditLog(directory);
    const [logged] = log.entries();
    log.close();
    assert.equal(logged.action, "cds.respiratory-differential");
    assert.equal(logged.detail, `cards ${cards.map(({ uuid }) => uuid).join(" ")}`);
  }));

test("no guidance is no error: no note, or a patient out of scope", () =>
  withService({}, async ({ service }) => {
    const cardsWith = async (prefetch: object) => {
      const response = await service.handle(post(path, { ...request, prefetch: { ...request.prefetch, ...prefetch } }));
      assert.equal(response.status, 200);
      return ((await response.json()) as { cards: Card[] }).cards;
    };
    assert.deepEqual(await cardsWith({ notes: null }), []);
    assert.deepEqual(await cardsWith({ notes: { resourceType: "Bundle", type: "searchset", total: 0 } }), []);
    const adult = { ...entry[0].resource, birthDate: "1980-01-01" };
    const cards = await cardsWith({
      patient: adult,
      notes: {
        resourceType: "Bundle",
        entry: [(noteBundle("cough, 40 years old") as typeof request.prefetch.notes).entry[1]],
      },
    });
    assert.deepEqual(cards, []);
  }));

test("412 where the prefetch is missing, 4xx for what is wrong, each as an OperationOutcome", () =>
  withService({}, async ({ service }) => {
    const cases: [object, number][] = [
      [{ ...request, prefetch: undefined }, 412],
      [{ ...request, prefetch: { patient: request.prefetch.patient } }, 412],
      [{ ...request, prefetch: { notes: request.prefetch.notes } }, 412],
      [{ ...request, prefetch: { ...request.prefetch, notes: { resourceType: "OperationOutcome", issue: [] } } }, 412],
      [{ ...request, hook: "order-sign" }, 400],
      [{ ...request, hookInstance: "1" }, 400],
      [{ ...request, context: {} }, 400],
      [{ ...request, context: { patientId: "8" } }, 422],
      [{ ...request, prefetch: { ...request.prefetch, patient: "canary" } }, 400],
      [{ ...request, prefetch: { ...request.prefetch, notes: { resourceType: "Bundle", entry: "canary" } } }, 400],
      [[], 400],
    ];
    for (const [body, status] of cases) {
      const response = await service.handle(post(path, body));
      const text = await response.text();
      assert.equal(response.status, status, text);
      assertR4(JSON.parse(text));
      assert.ok(!text.includes("canary"));
    }
    const unknown = await service.handle(post("/cds-services/else", request));
    assert.equal(unknown.status, 404);
    assertR4(await unknown.json());
  }));

test("feedback goes into the audit log; comments and unknown reasons do not", () =>
  withService({}, async ({ service, directory }) => {
    const [a, b, c] = [randomUUID(), randomUUID(), randomUUID()];
    const system = "urn:baltoro:override-reasons";
    const feedback = [
      {
        card: a,
        outcome: "accepted",
        acceptedSuggestions: [{ id: randomUUID() }],
        outcomeTimestamp: "2026-01-01T00:00:00Z",
      },
      {
        card: b,
        outcome: "overridden",
        overrideReason: { reason: { code: "known", system }, userComment: "canary Zhang" },
      },
      { card: c, outcome: "overridden", overrideReason: { reason: { code: "canary Zhang", system } } },
    ];
    assert.equal((await service.handle(post(`${path}/feedback`, { feedback }))).status, 200);
    const log = openAuditLog(directory);
    assert.deepEqual(
      log.entries().map(({ action, detail }) => [action, detail]),
      [
        ["cds.feedback", `card ${a}, accepted`],
        ["cds.feedback", `card ${b}, overridden, known, with a comment`],
        ["cds.feedback", `card ${c}, overridden, other`],
      ],
    );
    log.close();
    for (const body of [
      {},
      { feedback: [] },
      { feedback: [{ card: "1", outcome: "accepted" }] },
      { feedback: [{ card: a, outcome: "liked" }] },
      { feedback: Array(101).fill(feedback[0]) },
    ]) {
      const response = await service.handle(post(`${path}/feedback`, body));
      assert.equal(response.status, 400);
      assertR4(await response.json());
    }
  }));

test("note text in a card is never markup, a link or HTML", () => {
  assert.equal(escapeMarkdown("<img src=x onerror=alert(1)>"), "&lt;img src\\=x onerror\\=alert\\(1\\)&gt;");
  assert.equal(
    escapeMarkdown("[a](http://e.vil) | **b** &lt; www.evil.com\n# c"),
    "\\[a\\]\\(http\\:\\/\\/e\\.vil\\) \\| \\*\\*b\\*\\* &amp;lt\\; www\\.evil\\.com \\# c",
  );
  assert.equal(escapeMarkdown("a\u202eb\u200b\u0007c"), "a b c");
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 80 }), (text) => {
      const escaped = escapeMarkdown(text, 200);
      assert.ok(!/[<>\p{Cc}\p{Cf}]/u.test(escaped));
      // Every punctuation mark follows a backslash or is part of a character reference.
      const rest = escaped.replace(/\\[!-/:-@[-`{-~]|&(amp|lt|gt);/g, "");
      assert.ok(!/[!-/:-@[-`{-~]/.test(rest), escaped);
    }),
  );
});

test("any assessment gives cards that keep to CDS Hooks", async () => {
  const base = await (await createAssessor()).assess(`3岁${note}`);
  const word = fc.string({ unit: "binary", maxLength: 200 });
  fc.assert(
    fc.property(word, word, fc.integer({ min: 1, max: 12 }), (message, quoted, flags) => {
      const assessment: Assessment = {
        ...base,
        redFlags: Array.from({ length: flags }, () => ({
          ...base.redFlags[0],
          message: { en: message, zh: message },
          spans: [{ start: 0, end: 1, text: quoted }],
        })),
        differential: base.differential.map((candidate) => ({
          ...candidate,
          for: [{ start: 0, end: 1, text: quoted, kind: "text", weight: 1 }],
        })),
      };
      for (const language of ["en", "zh"] as const) assertCards(cardsOf(assessment, language, [], randomUUID));
    }),
    { numRuns: 200 },
  );
});
