import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import {
  type Assessment,
  type AuditEntry,
  type Bundle,
  openAuditLog,
  openKeyStore,
  type Role,
  startAssessor,
  verifyAuditLog,
} from "../src/index.ts";
import { assertR4 } from "./r4.ts";
import { get, hostileModule, noteBundle, post, withService } from "./with-service.ts";

const note = "患儿，3岁，咳嗽3天，体温38.6℃，双肺可闻及湿啰音，SpO2 90%。";
const fhir = { "Content-Type": "application/fhir+json" };
const reasonOf = async (response: Response) =>
  ((await response.json()) as { error: { code: string; message: string; param: string | null } }).error;

function entriesOf(directory: string): AuditEntry[] {
  const log = openAuditLog(directory);
  const entries = log.entries();
  log.close();
  return entries;
}

test("a note as JSON and as text gives an Assessment, and each leaves an entry without the note", () =>
  withService({}, async ({ service, directory }) => {
    const response = await service.handle(post("/clinic/v1/assess", { text: note, ageMonths: 40 }));
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("cache-control"), "no-store");
    const assessment = (await response.json()) as Assessment;
    assert.equal(assessment.schema, "baltoro.assessment/1");
    assert.equal(assessment.patient.ageMonths, 40);
    assert.equal(assessment.redFlags[0].code, "spo2-low");
    const plain = await service.handle(
      post("/clinic/v1/assess", note, { "Content-Type": "text/plain; charset=utf-8" }),
    );
    assert.equal(((await plain.json()) as Assessment).patient.ageMonths, 36);
    const entries = entriesOf(directory);
    assert.deepEqual(
      entries.map(({ actor, role, action, outcome, model }) => [actor, role, action, outcome, model]),
      Array(2).fill(["local", "admin", "assess", "ok", assessment.model.hash]),
    );
    assert.equal(entries[0].note, entries[1].note, "the same note is known again");
    assert.notEqual(entries[0].note, assessment.note.sha256);
    assert.ok(verifyAuditLog(directory).ok);
  }));

test("a Bundle gives a Bundle that keeps to R4, with what was not used", () =>
  withService({}, async ({ service }) => {
    const quantity = (value: number, unit: string) => ({
      ...{ resourceType: "Observation", status: "final", effectiveDateTime: "2024-02-28" },
      ...{ code: { coding: [{ system: "http://loinc.org", code: "1988-5" }] }, valueQuantity: { value, unit } },
    });
    const response = await service.handle(
      post("/clinic/v1/assess", noteBundle(note, quantity(3, "mg/dL"), quantity(3, "spoons")), {
        ...fhir,
        "Accept-Language": "en",
      }),
    );
    assert.equal(response.status, 200);
    assert.match(response.headers.get("content-type") ?? "", /application\/fhir\+json/);
    const bundle = (await response.json()) as Bundle;
    assertR4(bundle);
    const json = JSON.stringify(bundle);
    assert.ok(json.includes('"reference":"Patient/7"') && json.includes('"reference":"DocumentReference/d"'));
    assert.ok(json.includes('"value":30,"unit":"mg/L"'), "CRP of the bundle, converted");
    assert.ok(json.includes("Bundle.entry[3].resource.valueQuantity.unit was not used"));
    const asked = await service.handle(post("/clinic/v1/assess", { text: note }, { Accept: "application/fhir+json" }));
    assertR4(await asked.json());
    const back = await service.handle(
      post("/clinic/v1/assess", noteBundle(note), { ...fhir, Accept: "application/json" }),
    );
    assert.equal(((await back.json()) as Assessment).schema, "baltoro.assessment/1");
  }));

test("what is wrong is said in the caller's own way, with its place, and quotes nothing", () =>
  withService({}, async ({ service }) => {
    const canary = "张小明canary";
    const long = { text: "咳".repeat(100_001) };
    const cases: [Request, number, string][] = [
      [post("/clinic/v1/assess", `{"text": "${canary}`), 400, "invalid_json"],
      [post("/clinic/v1/assess", { text: "" }), 400, "invalid_request"],
      [post("/clinic/v1/assess", { text: 5 }), 400, "invalid_request"],
      [post("/clinic/v1/assess", { text: "x", [canary]: 1 }), 400, "invalid_request"],
      [post("/clinic/v1/assess", { text: "x", ageMonths: -1 }), 400, "invalid_request"],
      [post("/clinic/v1/assess", { text: "x", language: canary }), 400, "invalid_request"],
      [post("/clinic/v1/assess", `{"text": "x", "__proto__": {"a": 1}}`), 400, "invalid_json"],
      [post("/clinic/v1/assess", long), 413, "note_too_long"],
      [post("/clinic/v1/assess", "x".repeat(1_100_000)), 413, "request_too_large"],
      [post("/clinic/v1/assess", "<a/>", { "Content-Type": "text/xml" }), 415, "unsupported_media_type"],
      [post("/clinic/v1/assess", canary, { "Content-Type": "text/plain; charset=gbk" }), 415, "unsupported_charset"],
      [
        new Request("http://localhost/clinic/v1/assess", {
          method: "POST",
          body: new Uint8Array([0xff, 0xfe]),
          headers: { "Content-Type": "text/plain" },
        }),
        400,
        "invalid_encoding",
      ],
      [get(`/clinic/v1/${encodeURIComponent(canary)}`), 404, "unknown_url"],
      [get("/clinic/v1/assess"), 405, "wrong_method"],
      [get("/clinic/v1/audit?after=-1"), 400, "invalid_request"],
      [
        post(
          "/clinic/v1/assess",
          { resourceType: "Bundle", entry: [{ resource: { resourceType: "Patient", birthDate: canary } }] },
          fhir,
        ),
        400,
        "invalid_resource",
      ],
      [post("/clinic/v1/assess", { resourceType: "Bundle", entry: [] }, fhir), 422, "note_missing"],
      [post("/clinic/v1/assess", { resourceType: canary }, fhir), 400, "invalid_resource"],
      [post("/clinic/v1/assess", noteBundle("x", { resourceType: "Patient", id: "8" }), fhir), 422, "invalid_resource"],
      [post("/clinic/v1/assess", noteBundle(long.text), fhir), 413, "invalid_resource"],
      [post("/cds-services/respiratory-differential", `[${canary}]`), 400, "invalid_json"],
    ];
    for (const [request, status, reason] of cases) {
      const outcomes =
        request.url.includes("/cds-services") || request.headers.get("content-type") === fhir["Content-Type"];
      const response = await service.handle(request);
      const body = await response.text();
      assert.equal(response.status, status, body);
      assert.ok(!body.includes("canary") && !body.includes("咳"), body);
      const value = JSON.parse(body) as {
        error: { code: string };
        issue: { details: { coding: { code: string }[] } }[];
      };
      if (outcomes) assertR4(value);
      assert.equal(outcomes ? value.issue[0].details.coding[0].code : value.error.code, reason);
    }
  }));

test("roles: who may assess, who may read the log, and who nobody is", () =>
  withService({}, async ({ service, directory }) => {
    const store = openKeyStore(directory);
    const key = Object.fromEntries(
      (["clinician", "auditor", "admin"] as Role[]).map((role) => [role, store.add(role, role)]),
    );
    const status = async (request: Request) => (await service.handle(request)).status;
    const bearer = (name: string) => ({ Authorization: `Bearer ${key[name].key}` });
    for (const [path, expected] of [
      ["assess", { clinician: 200, auditor: 403, admin: 200 }],
      ["audit", { clinician: 403, auditor: 200, admin: 200 }],
      ["metrics", { clinician: 403, auditor: 200, admin: 200 }],
      ["model", { clinician: 200, auditor: 403, admin: 200 }],
    ] as const)
      for (const role of ["clinician", "auditor", "admin"] as const) {
        const request =
          path === "assess"
            ? post(`/clinic/v1/${path}`, { text: note }, bearer(role))
            : get(`/clinic/v1/${path}`, bearer(role));
        assert.equal(await status(request), expected[role], `${role} ${path}`);
      }
    assert.equal(
      await status(post("/clinic/v1/assess", { text: note })),
      401,
      "once there is a key, the loopback needs one too",
    );
    assert.equal(await status(post("/clinic/v1/assess", { text: note }, { Authorization: "Bearer baltoro_0_x" })), 401);
    assert.equal(await status(get("/clinic/v1/health")), 200, "health asks for none");
    store.revoke(key["clinician"].record.id);
    assert.equal(await status(post("/clinic/v1/assess", { text: note }, bearer("clinician"))), 401);
    store.close();
    const entries = entriesOf(directory);
    const of = (outcome: string) => entries.filter((entry) => entry.outcome === outcome);
    assert.ok(of("ok").some(({ actor }) => actor === key["clinician"].record.id));
    assert.deepEqual(
      new Set(of("denied").map(({ actor, detail }) => `${actor === "unknown"} ${detail}`)),
      new Set(["true invalid_api_key", "false wrong_role"]),
    );
    assert.ok(!JSON.stringify(entries).includes(key["admin"].key.slice(18)), "no key in the log");
  }));

test("another machine's clients need a key, the server's or their own", () =>
  withService({ loopback: false, sharedKey: "the server's key" }, async ({ service, directory }) => {
    const ask = (headers: Record<string, string>) => service.handle(post("/clinic/v1/assess", { text: note }, headers));
    assert.equal((await ask({})).status, 401);
    assert.equal((await ask({ Authorization: "Bearer wrong" })).status, 401);
    assert.equal((await ask({ Authorization: "Bearer the" })).status, 401);
    await withService({ loopback: false, sharedKey: "server-key-1" }, async (other) => {
      const response = await other.service.handle(
        post("/clinic/v1/assess", { text: note }, { Authorization: "Bearer server-key-1" }),
      );
      assert.equal(response.status, 200);
      assert.equal(entriesOf(other.directory)[0].actor, "server-key");
    });
    assert.equal(entriesOf(directory).length, 3);
  }));

test("too many requests of one caller: 429 and when to come back; another caller is served", async () => {
  let now = Date.now();
  await withService({ limits: { perMinute: 3 }, now: () => now }, async ({ service, directory }) => {
    const store = openKeyStore(directory);
    const [a, b] = ["a", "b"].map((name) => ({ Authorization: `Bearer ${store.add(name, "clinician").key}` }));
    store.close();
    const ask = (headers: Record<string, string>) => service.handle(post("/clinic/v1/assess", { text: note }, headers));
    for (let i = 0; i < 3; i++) assert.equal((await ask(a)).status, 200);
    const refused = await ask(a);
    assert.equal(refused.status, 429);
    assert.equal(refused.headers.get("retry-after"), "20");
    assert.equal((await reasonOf(refused)).code, "rate_limited");
    assert.equal((await ask(b)).status, 200);
    now += 20_000;
    assert.equal((await ask(a)).status, 200);
    assert.equal((await ask(a)).status, 429);
    assert.equal(entriesOf(directory).length, 5, "what was slowed down does not fill the log");
  });
});

test("strangers cannot fill the log", () =>
  withService({ limits: { refusalsPerMinute: 5, perMinute: 10 }, loopback: false }, async ({ service, directory }) => {
    const statuses = [];
    for (let i = 0; i < 40; i++)
      statuses.push((await service.handle(post("/clinic/v1/assess", { text: note }), "192.0.2.1")).status);
    assert.equal(statuses.filter((status) => status === 401).length, 15);
    assert.equal(statuses.at(-1), 429);
    assert.equal(entriesOf(directory).length, 5);
  }));

test("more notes at once than there is room for: 503, and HTTP goes on while a note takes long", () =>
  withService({ limits: { concurrent: 2 } }, async ({ service }) => {
    await service.handle(get("/clinic/v1/model"));
    const slow = [1, 2].map(() => service.handle(post("/clinic/v1/assess", { text: `${note}SLOW` })));
    await new Promise((resolve) => setTimeout(resolve, 50));
    const third = await service.handle(post("/clinic/v1/assess", { text: note }));
    assert.equal(third.status, 503);
    assert.equal(third.headers.get("retry-after"), "1");
    assert.equal((await reasonOf(third)).code, "busy");
    assert.equal((await service.handle(get("/clinic/v1/health"))).status, 200);
    assert.deepEqual(
      (await Promise.all(slow)).map(({ status }) => status),
      [200, 200],
    );
  }));

test("a note that never ends is ended, and the next is assessed; so after a crash", { timeout: 30_000 }, () =>
  withService({ timeout: 400 }, async ({ service, directory, lines }) => {
    const ask = (text: string) => service.handle(post("/clinic/v1/assess", { text }));
    await service.handle(get("/clinic/v1/model"));
    const hanging = ask(`${note}HANG canary`);
    const start = performance.now();
    for (let i = 0; i < 5; i++) assert.equal((await service.handle(get("/clinic/v1/health"))).status, 200);
    assert.ok(performance.now() - start < 200, "others are answered while a note keeps its thread");
    const hung = await hanging;
    assert.equal(hung.status, 503);
    assert.equal((await reasonOf(hung)).code, "timeout");
    assert.equal((await ask(note)).status, 200);
    const crashed = await ask(`${note}CRASH canary`);
    assert.equal(crashed.status, 503);
    assert.equal((await reasonOf(crashed)).code, "not_ready");
    assert.equal((await ask(note)).status, 200);
    const failed = await ask(`${note}FAIL canary`);
    assert.equal(failed.status, 500);
    assert.equal((await reasonOf(failed)).code, "assessment_failed");
    assert.equal((await ask(note)).status, 200);
    assert.deepEqual(
      entriesOf(directory)
        .map(({ outcome }) => outcome)
        .filter((outcome, i) => i > 0 || outcome !== "ok"),
      ["failed", "ok", "failed", "ok", "failed", "ok"],
    );
    assert.ok(
      lines.some((line) => line.includes("hostile-assessor.ts")),
      "the log says where",
    );
    assert.ok(!lines.join("\n").includes("canary") && !lines.join("\n").includes("咳"), lines.join("\n"));
  }),
);

test("no model: said with a code, and nothing is left on the disk", () =>
  withService({ startAssessor: undefined }, async ({ service, directory }) => {
    for (const request of [post("/clinic/v1/assess", { text: note }), get("/clinic/v1/model")]) {
      const response = await service.handle(request);
      assert.equal(response.status, 503);
      assert.equal((await reasonOf(response)).code, "model_not_installed");
    }
    const asFhir = await service.handle(post("/clinic/v1/assess", noteBundle(note), fhir));
    const outcome = (await asFhir.json()) as { issue: { details: { coding: { code: string }[] } }[] };
    assertR4(outcome);
    assert.equal(outcome.issue[0].details.coding[0].code, "model_not_installed");
    assert.deepEqual(readdirSync(directory), []);
  }));

test("a model that does not load: 503, the reason in the log, and no try at every request", () => {
  let starts = 0;
  const start = () => {
    starts++;
    return startAssessor({ module: hostileModule, options: { broken: "weights.bin is not there" } });
  };
  return withService({ startAssessor: start }, async ({ service, lines }) => {
    for (let i = 0; i < 3; i++) {
      const response = await service.handle(post("/clinic/v1/assess", { text: note }));
      assert.equal((await reasonOf(response)).code, "not_ready");
    }
    assert.equal(starts, 1);
    assert.match(lines.join("\n"), /weights\.bin is not there/);
    assert.equal((await service.handle(get("/clinic/v1/health"))).status, 503);
  });
});

test("without its log nothing is assessed", () =>
  withService({}, async ({ service, directory, lines }) => {
    assert.equal((await service.handle(post("/clinic/v1/assess", { text: note }))).status, 200);
    const database = new DatabaseSync(join(directory, "audit.db"));
    database.exec("CREATE TRIGGER full BEFORE INSERT ON entry BEGIN SELECT RAISE(ABORT, 'no space left'); END");
    database.close();
    const response = await service.handle(post("/clinic/v1/assess", { text: note }));
    assert.equal(response.status, 503);
    assert.equal((await reasonOf(response)).code, "audit_unavailable");
    assert.match(lines.join("\n"), /audit log cannot be written: no space left/);
  }));

test("a directory that cannot be used is said when it is opened, or with the first request", () =>
  withService({ directory: "/dev/null/clinic" }, async ({ service, lines }) => {
    assert.throws(() => service.open());
    const response = await service.handle(post("/clinic/v1/assess", { text: note }));
    assert.equal((await reasonOf(response)).code, "storage_unavailable");
    assert.match(lines[0], /clinic:/);
  }));

test("a body that stops coming is given up", { timeout: 10_000 }, () =>
  withService({ limits: { bodyTimeout: 100 } }, async ({ service }) => {
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode('{"text": "')),
    });
    const request = new Request("http://localhost/clinic/v1/assess", {
      ...{ method: "POST", body, duplex: "half" },
      headers: { "Content-Type": "application/json" },
    });
    assert.equal((await service.handle(request)).status, 408);
  }),
);

test("bodies that come slowly hold up no note", () =>
  withService({ limits: { concurrent: 1, bodyTimeout: 300 } }, async ({ service }) => {
    const slow = [1, 2, 3, 4, 5].map(() => {
      const body = new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array([123])) });
      const headers = { "Content-Type": "application/json" };
      return service.handle(
        new Request("http://localhost/clinic/v1/assess", { ...{ method: "POST", body, duplex: "half" }, headers }),
      );
    });
    // Four are read at once, the fifth is turned away; a note has its own place.
    const bundle = service.handle(get("/clinic/v1/model"));
    assert.equal((await slow[4]).status, 503);
    assert.equal((await bundle).status, 200);
    assert.deepEqual(
      (await Promise.all(slow.slice(0, 4))).map(({ status }) => status),
      [408, 408, 408, 408],
    );
    assert.equal((await service.handle(post("/clinic/v1/assess", { text: note }))).status, 200);
  }));

test("metrics count by route and status, whatever paths were asked for", () =>
  withService({}, async ({ service }) => {
    await service.handle(post("/clinic/v1/assess", { text: note }));
    await service.handle(get("/clinic/v1/canary-path"));
    const text = await (await service.handle(get("/clinic/v1/metrics"))).text();
    assert.match(text, /baltoro_clinic_requests_total\{route="assess",status="200"\} 1/);
    assert.match(text, /baltoro_clinic_requests_total\{route="other",status="404"\} 1/);
    assert.match(text, /baltoro_clinic_request_seconds_bucket\{route="assess",le="\+Inf"\} 1/);
    assert.ok(!text.includes("canary"));
  }));

test("the log over HTTP: pages of it, and its head", () =>
  withService({}, async ({ service, directory }) => {
    for (let i = 0; i < 3; i++) await service.handle(post("/clinic/v1/assess", { text: `${note}${i}` }));
    const page = (await (await service.handle(get("/clinic/v1/audit?after=1&limit=2"))).json()) as {
      entries: AuditEntry[];
      head: { seq: number };
    };
    assert.deepEqual(
      page.entries.map(({ seq }) => seq),
      [2, 3],
    );
    assert.equal(page.head.seq, 4, "reading it is an entry too");
    assert.ok(verifyAuditLog(directory).ok);
  }));
