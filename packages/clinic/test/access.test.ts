import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { may } from "../src/access/index.ts";
import { openKeyStore, type Role } from "../src/index.ts";

function withStore(use: (store: ReturnType<typeof openKeyStore>, directory: string) => void): void {
  const directory = mkdtempSync(join(tmpdir(), "baltoro-keys-"));
  const store = openKeyStore(directory);
  try {
    use(store, directory);
  } finally {
    store.close();
    rmSync(directory, { recursive: true });
  }
}

test("a key is found until it is revoked, and never again", () =>
  withStore((store, directory) => {
    assert.equal(store.required(), false);
    const { record, key } = store.add("ward 3", "clinician");
    assert.equal(store.required(), true);
    assert.deepEqual(store.find(key), record);
    const other = openKeyStore(directory);
    assert.deepEqual(other.find(key), record, "another process finds it");
    store.revoke(record.id);
    assert.equal(store.find(key), undefined);
    assert.equal(other.find(key), undefined, "and loses it at once");
    other.close();
    assert.equal(store.required(), true, "the last key's end does not open the doors");
    assert.equal(store.list()[0].revoked !== undefined, true);
    assert.throws(() => store.revoke(record.id), /no key/);
  }));

test("neither the key nor its secret is on the disk", () =>
  withStore((store, directory) => {
    const { key, record } = store.add("ward", "admin");
    const bytes = readFileSync(join(directory, "access.db"));
    // The secret may itself hold the "_" that stands between the parts of a key.
    const secret = key.slice(`baltoro_${record.id}_`.length);
    assert.equal(secret.length, 43);
    for (const part of [key, secret, secret.slice(0, 12)]) assert.equal(bytes.includes(part), false);
  }));

test("no other text is a key", () =>
  withStore((store) => {
    const { key } = store.add("ward", "clinician");
    const last = key.at(-1) === "A" ? "B" : "A";
    for (const text of [
      "",
      key.slice(0, -1),
      `${key} `,
      key.slice(0, -1) + last,
      key.toUpperCase(),
      `${key}A`,
      "baltoro_00000000_",
      "' OR 1=1 --",
      key.slice(8),
    ]) {
      assert.equal(store.find(text), undefined, text);
    }
  }));

test("names and roles are checked", () =>
  withStore((store) => {
    for (const name of ["", " ward", "a\nb", "x".repeat(65), "<b>"])
      assert.throws(() => store.add(name, "clinician"), /a key's name/);
    assert.throws(() => store.add("ward", "root" as Role), /clinician, auditor, admin/);
    store.add("病房", "auditor");
    assert.throws(() => store.add("病房", "auditor"), /already/);
  }));

test("roles", () => {
  assert.deepEqual(
    (["clinician", "auditor", "admin"] as const).map((role) => [
      may(role, "assess"),
      may(role, "audit"),
      may(role, "metrics"),
    ]),
    [
      [true, false, false],
      [false, true, true],
      [true, true, true],
    ],
  );
});

test("a token is used once, until it is past its end anyway", () =>
  withStore((store, directory) => {
    assert.equal(store.useOnce("iss|jti", 100, 50), true);
    assert.equal(store.useOnce("iss|jti", 100, 60), false);
    const other = openKeyStore(directory);
    assert.equal(other.useOnce("iss|jti", 100, 60), false, "in another process too");
    other.close();
    assert.equal(store.useOnce("iss|other", 100, 60), true);
    assert.equal(store.useOnce("iss|jti", 300, 200), true);
  }));
