import assert from "node:assert/strict";
import { createHmac, generateKeyPairSync, type JsonWebKey, type KeyObject, sign } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type CdsTrust, loadCdsTrust, openAuditLog } from "../src/index.ts";
import { verifyJwt } from "../src/service/jwt.ts";
import { get, post, withService } from "./with-service.ts";

const now = 1_790_000_000;
const url = "https://cds.example.org";
const endpoint = `${url}/cds-services/respiratory-differential`;
const iss = "https://ehr.example.org";
const ec = generateKeyPairSync("ec", { namedCurve: "P-384" });
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const other = generateKeyPairSync("ec", { namedCurve: "P-384" });
const jwk = (key: KeyObject, kid: string): JsonWebKey => ({ ...key.export({ format: "jwk" }), kid });
const keys = [jwk(ec.publicKey, "e"), jwk(rsa.publicKey, "r")];

function trustOf(file: object): CdsTrust {
  const directory = mkdtempSync(join(tmpdir(), "baltoro-jwt-"));
  try {
    writeFileSync(join(directory, "clients.json"), JSON.stringify(file));
    return loadCdsTrust(join(directory, "clients.json"));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const good = { publicUrl: url, clients: [{ name: "ward-ehr", iss, jku: `${iss}/jwks`, keys }] };
const trust = trustOf(good);
const encode = (value: unknown) =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
const header = { alg: "ES384", typ: "JWT", kid: "e" };
const claims = { iss, aud: endpoint, exp: now + 300, iat: now, jti: "one" };

function token(head: object = {}, payload: object | string = {}, key: KeyObject = ec.privateKey): string {
  const signed = `${encode({ ...header, ...head })}.${encode(typeof payload === "string" ? payload : { ...claims, ...payload })}`;
  return `${signed}.${sign("sha384", Buffer.from(signed), { key, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
}

const verify = (text: string) => verifyJwt(text, trust, [endpoint], now);

test("ES384 and RS384 of a trusted issuer are taken", () => {
  assert.equal(verify(token()).client.name, "ward-ehr");
  assert.equal(verify(token({ alg: "RS384", kid: "r" }, {}, rsa.privateKey)).jti, "one");
  assert.equal(verify(token({ jku: `${iss}/jwks` }, { aud: ["https://else", endpoint] })).exp, now + 300);
});

const none = `${encode({ ...header, alg: "none" })}.${encode(claims)}.`;
const hmacHead = `${encode({ ...header, alg: "HS384" })}.${encode(claims)}`;
const publicPem = ec.publicKey.export({ type: "spki", format: "pem" }) as string;
const refused: [string, string, RegExp][] = [
  ["no signature, alg none", none, /not signed/],
  ["alg none with some signature", `${none}AAAA`, /algorithm other/],
  [
    "HMAC under the public key",
    `${hmacHead}.${createHmac("sha384", publicPem).update(hmacHead).digest("base64url")}`,
    /algorithm other/,
  ],
  ["ES256", token({ alg: "ES256" }), /algorithm other/],
  ["the algorithm of another key", token({ alg: "RS384" }), /no key of its issuer/],
  ["another's key", token({}, {}, other.privateKey), /wrong signature/],
  ["an unknown key", token({ kid: "x" }), /no key/],
  ["no key named", token({ kid: undefined }), /no key/],
  ["a key inside the token", token({ jwk: jwk(other.publicKey, "e") }, {}, other.privateKey), /wrong signature/],
  ["another issuer", token({}, { iss: "https://evil.example" }), /issuer that is not trusted/],
  ["no issuer", token({}, { iss: undefined }), /issuer/],
  ["another key set", token({ jku: "https://evil.example/jwks" }), /key set/],
  ["critical extensions", token({ crit: ["b64"], b64: false }), /extensions/],
  ["another type", token({ typ: "at+jwt" }), /another type/],
  ["another audience", token({}, { aud: `${url}/cds-services/else` }), /aud/],
  ["an audience that only begins like it", token({}, { aud: `${endpoint}.evil.example` }), /aud/],
  ["no audience", token({}, { aud: undefined }), /aud/],
  ["expired", token({}, { exp: now - 31 }), /expired/],
  ["no end", token({}, { exp: undefined }), /no exp/],
  ["an end in words", token({}, { exp: "never" }), /no exp/],
  ["too long a life", token({}, { exp: now + 86_400 }), /lives longer/],
  ["of the future", token({}, { iat: now + 3600 }), /future/],
  ["no time of issue", token({}, { iat: undefined }), /no iat/],
  ["not valid yet", token({}, { nbf: now + 3600 }), /not valid yet/],
  ["no jti", token({}, { jti: undefined }), /no jti/],
  ["a payload that is no object", token({}, "[]"), /payload that is no JSON object/],
  ["a payload that would change prototypes", token({}, `{"__proto__": {}, "iss": "${iss}"}`), /payload/],
  ["too long", `${token()}${"A".repeat(9000)}`, /too long/],
  ["four parts", `${token()}.AAAA`, /not signed/],
];
for (const [name, text, message] of refused)
  test(`refused: ${name}`, () => {
    assert.throws(
      () => verify(text),
      (error: Error & { status: number }) =>
        error.status === 401 && message.test(error.message) && !error.message.includes(text),
    );
  });

test("any change of a signed part or of the signature", () => {
  const text = token();
  for (let i = 0; i < text.length; i += 3) {
    // The last character of base64url holds bits that mean nothing.
    if (text[i] === "." || i === text.length - 1 || text[i + 1] === ".") continue;
    const changed = `${text.slice(0, i)}${text[i] === "A" ? "B" : "A"}${text.slice(i + 1)}`;
    assert.throws(() => verify(changed), `character ${i}`);
  }
});

test("the file of clients is checked, field by field", () => {
  const client = good.clients[0];
  const weak = generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey;
  const p256 = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey;
  const wrong: [object, RegExp][] = [
    [{ ...good, publicUrl: "cds" }, /publicUrl/],
    [{ ...good, publicUrl: `${url}/` }, /publicUrl/],
    [{ publicUrl: url }, /clients is no array/],
    [{ ...good, clients: [{ ...client, name: "a b" }] }, /clients\[0\]\.name/],
    [{ ...good, clients: [{ ...client, iss: "" }] }, /clients\[0\]\.iss/],
    [{ ...good, clients: [client, client] }, /issuer of ward-ehr twice/],
    [{ ...good, clients: [{ ...client, keys: [] }] }, /no JSON Web Key/],
    [{ ...good, clients: [{ ...client, keys: [{ ...keys[0], kid: undefined }] }] }, /keys\[0\]\.kid/],
    [{ ...good, clients: [{ ...client, keys: [jwk(ec.privateKey, "e")] }] }, /private key/],
    [{ ...good, clients: [{ ...client, keys: [jwk(weak, "w")] }] }, /2048/],
    [{ ...good, clients: [{ ...client, keys: [jwk(p256, "p")] }] }, /P-384/],
    [{ ...good, clients: [{ ...client, keys: [{ kty: "oct", k: "AAAA", kid: "s" }] }] }, /no public JSON Web Key/],
  ];
  for (const [file, message] of wrong) assert.throws(() => trustOf(file), message);
});

test("over the service: a token serves once, for its own endpoint, and is no key elsewhere", () =>
  withService({ loopback: false, trust, now: () => now * 1000 }, async ({ service, directory }) => {
    const ask = (path: string, text: string) => service.handle(post(path, {}, { Authorization: `Bearer ${text}` }));
    const path = "/cds-services/respiratory-differential";
    const first = token();
    assert.equal((await ask(path, first)).status, 400, "let in, to be told that the body is wrong");
    const again = await ask(path, first);
    assert.equal(again.status, 401);
    assert.match(await again.text(), /used before/);
    assert.equal((await ask(path, token({}, { jti: "two" }))).status, 400);
    assert.equal((await ask(`${path}/feedback`, token({}, { jti: "three", aud: `${endpoint}/feedback` }))).status, 400);
    assert.equal((await ask("/clinic/v1/assess", token({}, { jti: "four" }))).status, 401);
    assert.equal(
      (await service.handle(get("/clinic/v1/audit", { Authorization: `Bearer ${token({}, { jti: "five" })}` }))).status,
      401,
    );
    assert.equal((await service.handle(get("/cds-services"))).status, 200, "discovery names no patient and is open");
    const log = openAuditLog(directory);
    assert.deepEqual(log.entries().map(({ actor, role, outcome, detail }) => [actor, role, outcome, detail])[0], [
      "cds:ward-ehr",
      "cds-client",
      "refused",
      "invalid_request",
    ]);
    log.close();
  }));

test("where clients sign, a bad token is refused on the loopback too", () =>
  withService({ trust, now: () => now * 1000 }, async ({ service }) => {
    const path = "/cds-services/respiratory-differential";
    assert.equal((await service.handle(post(path, {}, { Authorization: `Bearer ${none}AAAA` }))).status, 401);
    assert.equal((await service.handle(post(path, {}))).status, 400);
  }));
