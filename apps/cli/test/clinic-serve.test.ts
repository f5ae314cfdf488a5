import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type Assessment, verifyAuditLog } from "@baltoro/clinic";
import { assertR4 } from "../../../packages/clinic/test/r4.ts";

const root = join(import.meta.dirname, "../../..");
const command = join(root, "apps/cli/src/main.ts");
const hostileModule = new URL("../../../packages/clinic/test/hostile-assessor.ts", import.meta.url).href;
const note = "患儿，3岁，咳嗽3天，体温38.6℃，双肺可闻及湿啰音，SpO2 90%。";

interface Server {
  readonly child: ChildProcess;
  readonly url: string;
  readonly directory: string;
  /** Everything that the process has printed. */
  output(): string;
}

async function withServer(use: (server: Server) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "baltoro-serve-"));
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, "clinic-server.ts"), join(directory, "data"), hostileModule],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  let output = "";
  const address = new Promise<string>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk) => {
        output += chunk;
        const found = /http:\/\/\S+/.exec(output);
        if (found) resolve(found[0]);
      });
    child.once("exit", (code) => reject(new Error(`exit ${code}: ${output}`)));
  });
  try {
    await use({ child, url: await address, directory: join(directory, "data"), output: () => output });
  } finally {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGTERM");
      await once(child, "exit");
    }
    rmSync(directory, { recursive: true });
  }
}

const post = (url: string, body: string, headers: Record<string, string> = {}) =>
  fetch(url, { method: "POST", body, headers: { "Content-Type": "application/json", ...headers } });

async function baltoro(...args: string[]) {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", command, "clinic", ...args]);
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  const [status] = (await once(child, "close")) as [number];
  return { status, stdout: stdout.trim(), stderr: stderr.trim() };
}

test(
  "over real HTTP: assess, keys made and revoked while it runs, the log verified by the command",
  { timeout: 60_000 },
  () =>
    withServer(async ({ url, directory }) => {
      const ask = (headers: Record<string, string> = {}) =>
        post(`${url}/clinic/v1/assess`, JSON.stringify({ text: note, ageMonths: 36 }), headers);
      const response = await ask();
      assert.equal(response.status, 200);
      assert.equal(((await response.json()) as Assessment).schema, "baltoro.assessment/1");
      assert.match(response.headers.get("content-security-policy") ?? "", /default-src 'none'/);

      const added = await baltoro("keys", "add", "--name", "ward 3", "--role", "clinician", "--data", directory);
      assert.match(added.stdout, /^baltoro_[0-9a-f]{8}_[\w-]{43}$/);
      const id = added.stdout.split("_")[1];
      assert.equal((await ask()).status, 401);
      assert.equal((await ask({ Authorization: `Bearer ${added.stdout}` })).status, 200);
      assert.match(
        (await baltoro("keys", "list", "--data", directory)).stdout,
        new RegExp(`^${id}  clinician .*ward 3$`),
      );
      assert.ok(
        !(await baltoro("keys", "list", "--json", "--data", directory)).stdout.includes(added.stdout.slice(17)),
      );
      const head = (await baltoro("audit", "head", "--data", directory)).stdout;
      assert.equal((await baltoro("keys", "revoke", id, "--data", directory)).status, 0);
      assert.equal((await ask({ Authorization: `Bearer ${added.stdout}` })).status, 401);

      writeFileSync(join(directory, "head.json"), head);
      const verified = await baltoro("audit", "verify", "--head", join(directory, "head.json"), "--data", directory);
      assert.deepEqual([verified.status, verified.stderr], [0, ""]);
      assert.match(verified.stdout, /^6 entries, none changed; head \{"seq":6,/);
      const shown = (await baltoro("audit", "show", "--data", directory)).stdout.split("\n");
      assert.deepEqual(
        shown.map((line) => /\) {2}(\S+: \S+)/.exec(line)?.[1]),
        ["assess: ok", "key.add: ok", "assess: denied", "assess: ok", "key.revoke: ok", "assess: denied"],
      );
      assert.equal((await baltoro("audit", "backup", join(directory, "copy.db"), "--data", directory)).status, 0);
      assert.ok(existsSync(join(directory, "copy.db")));
    }),
);

/** A request with headers that fetch keeps to itself. */
function send(url: string, method: string, headers: Record<string, string>, body = ""): Promise<[number, string]> {
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      { method, headers: { ...headers, "Content-Length": Buffer.byteLength(body) } },
      (answer) => {
        let text = "";
        answer.on("data", (chunk) => {
          text += chunk;
        });
        answer.on("end", () => resolve([answer.statusCode ?? 0, text]));
      },
    );
    sent.on("error", reject);
    sent.end(body);
  });
}

test(
  "what the server refuses before the clinic's routes is an OperationOutcome where FHIR was asked for",
  { timeout: 60_000 },
  () =>
    withServer(async ({ url }) => {
      const fhir = { "Content-Type": "application/fhir+json" };
      const json = { "Content-Type": "application/json" };
      const large = "a".repeat(4 * 2 ** 20 + 1);
      const canary = "canary.example";
      const outcomes: [number, string, string, string, Record<string, string>, string?][] = [
        [403, "forbidden", "POST", "/clinic/v1/assess", { ...fhir, Origin: `http://${canary}` }],
        [403, "forbidden", "POST", "/clinic/v1/assess", { ...fhir, Host: canary }],
        [403, "forbidden", "POST", "/cds-services/respiratory-differential", { ...json, Origin: `http://${canary}` }],
        [413, "too-long", "POST", "/clinic/v1/assess", fhir, large],
        [413, "too-long", "POST", "/cds-services/respiratory-differential", json, large],
        [405, "not-supported", "PATCH", "/cds-services/respiratory-differential", json],
      ];
      for (const [status, issue, method, path, headers, body] of outcomes) {
        const [code, text] = await send(`${url}${path}`, method, headers, body);
        const outcome = JSON.parse(text) as { resourceType: string; issue: { code: string }[] };
        assert.equal(code, status, `${method} ${path}`);
        assert.equal(outcome.resourceType, "OperationOutcome", `${method} ${path}: ${text.slice(0, 200)}`);
        assert.equal(outcome.issue[0].code, issue);
        assert.ok(!text.includes(canary), text);
        assertR4(outcome);
      }
      // Others get the server's own shape.
      for (const [path, headers] of [
        ["/clinic/v1/assess", { ...json, Origin: `http://${canary}` }],
        ["/clinicians", { ...fhir, Origin: `http://${canary}` }],
      ] as const) {
        const [code, text] = await send(`${url}${path}`, "POST", headers);
        assert.equal(code, 403);
        assert.equal(JSON.parse(text).error.code, "origin_not_allowed");
      }
    }),
);

test("commands say what is wrong", { timeout: 120_000 }, async () => {
  const directory = mkdtempSync(join(tmpdir(), "baltoro-commands-"));
  try {
    const fails = async (message: RegExp, status: number, ...args: string[]) => {
      const result = await baltoro(...args, "--data", join(directory, "data"));
      assert.match(result.stderr, message);
      assert.equal(result.status, status);
    };
    await fails(/is not there/, 1, "audit", "verify");
    await fails(/is not there/, 1, "audit", "head");
    await fails(/expected verify, show/, 2, "audit", "prove");
    await fails(/--name is missing/, 2, "keys", "add", "--role", "admin");
    await fails(/--role is none of/, 2, "keys", "add", "--name", "a", "--role", "root");
    await fails(/no key was made yet/, 1, "keys", "list");
    await fails(/no key was made yet/, 1, "keys", "revoke", "00000000");
    assert.ok(!existsSync(join(directory, "data")), "looking makes nothing");
    await fails(/a key's name/, 1, "keys", "add", "--name", "<b>", "--role", "admin");
    await fails(/no key/, 1, "keys", "revoke", "00000000");
    writeFileSync(join(directory, "head"), "{}");
    await fails(/is no head/, 1, "audit", "verify", "--head", join(directory, "head"));
    await fails(/\/nowhere/, 1, "audit", "verify", "--head", "/nowhere");
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("a log that someone changed does not verify, and the command's exit says so", { timeout: 60_000 }, () =>
  withServer(async ({ url, directory, child }) => {
    for (let i = 0; i < 3; i++) await (await post(`${url}/clinic/v1/assess`, JSON.stringify({ text: note }))).text();
    child.kill("SIGKILL");
    await once(child, "exit");
    assert.ok(verifyAuditLog(directory).ok, "killed without warning");
    const path = join(directory, "audit.db");
    const bytes = readFileSync(path);
    const place = bytes.lastIndexOf("assess");
    bytes[place] ^= 1;
    writeFileSync(path, bytes);
    const result = await baltoro("audit", "verify", "--data", directory);
    assert.equal(result.status, 1);
    assert.match(result.stderr, /was changed/);
  }),
);

test("no patient's text in output, errors, metrics, headers or anything on the disk", { timeout: 60_000 }, () =>
  withServer(async ({ url, directory, output, child }) => {
    const canaries = ["KANARI", "金丝雀", "13912345678"];
    // Short, since engines quote only the first few characters of what they could not read.
    const canary = canaries.join(" ");
    const encoded = Buffer.from(canary).toString("base64");
    const text = `${note}${canary}`;
    const errors: string[] = [];
    const send = async (path: string, init: RequestInit) => {
      const response = await fetch(`${url}${path}`, { method: "POST", ...init }).catch((error: Error) => error);
      if (response instanceof Error) return 0;
      const body = await response.text();
      if (!response.ok) errors.push(`${response.status} ${[...response.headers].join()} ${body}`);
      return response.status;
    };
    const json = { "Content-Type": "application/json" };
    const fhir = { "Content-Type": "application/fhir+json" };
    const assess = "/clinic/v1/assess";
    const cds = "/cds-services/respiratory-differential";
    const bundle = (resource: object) => JSON.stringify({ resourceType: "Bundle", entry: [{ resource }] });
    const attachment = (data: string, contentType = "text/plain") => ({
      resourceType: "DocumentReference",
      content: [{ attachment: { contentType, data } }],
    });

    // Answered notes too: what is answered must not be kept.
    assert.equal(await send(assess, { body: JSON.stringify({ text }), headers: json }), 200);
    assert.equal(await send(assess, { body: text, headers: { "Content-Type": "text/plain" } }), 200);
    assert.equal(
      await send(assess, { body: bundle(attachment(Buffer.from(text).toString("base64"))), headers: fhir }),
      200,
    );
    for (const word of ["FAIL", "CRASH", "HANG"]) {
      assert.ok(
        (await send(assess, { body: JSON.stringify({ text: `${text} ${word}` }), headers: json })) >= 500,
        word,
      );
      assert.equal(await send(assess, { body: JSON.stringify({ text }), headers: json }), 200, `after ${word}`);
    }
    const hostile: [string, RequestInit][] = [
      [assess, { body: `{"text": "${canary}`, headers: json }],
      [assess, { body: canary, headers: json }],
      [assess, { body: JSON.stringify({ text: 1, [canary]: canary }), headers: json }],
      [assess, { body: JSON.stringify({ text, language: canary }), headers: json }],
      [assess, { body: JSON.stringify({ text, ageMonths: canary }), headers: json }],
      [assess, { body: `{"text": "x", "__proto__": {"${canary}": 1}}`, headers: json }],
      [assess, { body: text.repeat(5000), headers: { "Content-Type": "text/plain" } }],
      [assess, { body: canary.repeat(200_000), headers: json }],
      [assess, { body: canary, headers: { "Content-Type": `text/${encodeURIComponent(canary)}` } }],
      [assess, { body: "{}", headers: { ...json, Authorization: `Bearer ${encodeURIComponent(canary)}` } }],
      [`${assess}?text=${encodeURIComponent(canary)}`, { body: "{}", headers: json }],
      [`/clinic/v1/${encodeURIComponent(canary)}`, { body: "{}", headers: json }],
      [`/cds-services/${encodeURIComponent(canary)}`, { body: "{}", headers: json }],
      [assess, { body: bundle(attachment(`${canary}!`)), headers: fhir }],
      [
        assess,
        { body: bundle(attachment(encoded, `text/plain; charset=${encodeURIComponent(canary)}`)), headers: fhir },
      ],
      [assess, { body: bundle({ resourceType: "Patient", birthDate: canary }), headers: fhir }],
      [assess, { body: bundle({ resourceType: canary, subject: canary }), headers: fhir }],
      [
        assess,
        {
          body: bundle({
            resourceType: "Observation",
            effectiveDateTime: canary,
            subject: { reference: `Patient/${canary}` },
          }),
          headers: fhir,
        },
      ],
      [cds, { body: JSON.stringify({ hook: canary }), headers: json }],
      [
        cds,
        {
          body: JSON.stringify({ hook: "patient-view", hookInstance: canary, context: { patientId: canary } }),
          headers: json,
        },
      ],
      [
        cds,
        {
          body: JSON.stringify({
            hook: "patient-view",
            hookInstance: crypto.randomUUID(),
            context: { patientId: canary },
          }),
          headers: json,
        },
      ],
      [`${cds}/feedback`, { body: JSON.stringify({ feedback: [{ card: canary, outcome: canary }] }), headers: json }],
    ];
    for (const [path, init] of hostile) {
      const status = await send(path, init);
      assert.ok(status === 0 || (status >= 400 && status < 500), `${status} of ${path}`);
    }
    const feedback = [
      {
        card: crypto.randomUUID(),
        outcome: "overridden",
        overrideReason: { userComment: canary, reason: { code: canary, system: canary } },
      },
    ];
    assert.equal(await send(`${cds}/feedback`, { body: JSON.stringify({ feedback }), headers: json }), 200);
    await brokenOff(
      url,
      `POST ${assess} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n{"text": "${canary}`,
    );

    const metrics = await (await fetch(`${url}/clinic/v1/metrics`)).text();
    const log = await (await fetch(`${url}/clinic/v1/audit?limit=1000`)).text();
    const live = readAll(directory);
    child.kill("SIGTERM");
    await once(child, "exit");
    assert.ok(errors.length >= hostile.length - 2, "most errors were answered");
    for (const word of [...canaries, encoded, encodeURIComponent(canaries[1])])
      for (const [name, found] of Object.entries({
        output: output(),
        errors: errors.join("\n"),
        metrics,
        log,
        live,
        disk: readAll(directory),
      })) {
        const at = found.indexOf(word);
        assert.equal(at, -1, `${word} is in ${name}: ${found.slice(Math.max(0, at - 100), at + 100)}`);
      }
    assert.match(output(), /hostile-assessor\.ts/, "the operator learns where it failed");
    assert.ok(verifyAuditLog(directory).ok);
  }),
);

/** All files of a directory as Latin-1 and as UTF-8, one text. */
function readAll(directory: string): string {
  return readdirSync(directory)
    .map((name) => readFileSync(join(directory, name)))
    .map((bytes) => `${bytes.toString("latin1")}\n${bytes.toString("utf8")}\n${bytes.toString("utf16le")}`)
    .join("\n");
}

/** Sends the beginning of a request, waits for the server's patience to end, and hangs up. */
async function brokenOff(url: string, text: string): Promise<void> {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  socket.on("error", () => {});
  socket.write(text);
  await new Promise((resolve) => setTimeout(resolve, 700));
  socket.destroy();
}
