import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { makeDataDirectory, openDatabase, transact } from "../storage/index.ts";
import { type Role, roles } from "./roles.ts";

/** An API key as it is kept: never the key itself. */
export interface KeyRecord {
  /** Public: it names the key in the audit log. */
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  readonly created: string;
  readonly revoked?: string;
}

/** The keys of an installation. Several processes may hold the same store: a key revoked by one is refused by all at once. */
export interface KeyStore {
  /** The key is given here and nowhere else, ever. @throws for a name that is no name, or taken */
  add(name: string, role: Role): { record: KeyRecord; key: string };
  list(): KeyRecord[];
  /** @throws where there is no such key, or it is revoked already */
  revoke(id: string): KeyRecord;
  /** The record of a valid key; undefined for any other text. */
  find(key: string): KeyRecord | undefined;
  /** Whether a key was ever made. A revoked one counts: taking the last key away must not open the doors. */
  required(): boolean;
  /** Notes that a token was used. @returns false if it was before */
  useOnce(token: string, expires: number, now: number): boolean;
  close(): void;
}

const schema = `
CREATE TABLE IF NOT EXISTS key (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, digest BLOB NOT NULL, created TEXT NOT NULL, revoked TEXT
) STRICT;
CREATE TABLE IF NOT EXISTS used (token BLOB PRIMARY KEY, expires INTEGER NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS used_expires ON used (expires);
`;

const prefix = "baltoro";
const columns = "id, name, role, created, revoked";

export interface KeyStoreOptions {
  readonly now?: () => Date;
  /** Whether to make a store where there is none. Default true. */
  readonly create?: boolean;
}

/** @throws where the store cannot be opened */
export function openKeyStore(directory: string, options: KeyStoreOptions = {}): KeyStore {
  const path = join(directory, "access.db");
  if (options.create === false && !existsSync(path)) throw new Error(`${path} is not there: no key was made yet`);
  makeDataDirectory(directory);
  const database = openDatabase(path, schema);
  const now = options.now ?? (() => new Date());
  const byId = database.prepare(`SELECT ${columns}, digest FROM key WHERE id = ? AND revoked IS NULL`);
  const any = database.prepare("SELECT 1 FROM key LIMIT 1");
  const use = database.prepare("INSERT INTO used (token, expires) VALUES (?, ?) ON CONFLICT DO NOTHING");
  const forget = database.prepare("DELETE FROM used WHERE expires < ?");
  return {
    add(name, role) {
      checkName(name);
      if (!roles.includes(role))
        throw new Error(`there is no role ${JSON.stringify(role)}; there is ${roles.join(", ")}`);
      const id = randomBytes(4).toString("hex");
      // 256 random bits: nothing to guess, so that a plain SHA-256 serves where a password would need scrypt.
      const secret = randomBytes(32).toString("base64url");
      const record = { id, name, role, created: now().toISOString() };
      transact(database, () => {
        if (database.prepare("SELECT 1 FROM key WHERE name = ? AND revoked IS NULL").get(name)) {
          throw new Error(`there is a key named ${name} already: revoke it first, or choose another name`);
        }
        database
          .prepare("INSERT INTO key (id, name, role, digest, created) VALUES (?, ?, ?, ?, ?)")
          .run(id, name, role, digestOf(secret), record.created);
      });
      return { record, key: `${prefix}_${id}_${secret}` };
    },
    list: () => database.prepare(`SELECT ${columns} FROM key ORDER BY created, id`).all().map(recordOf),
    revoke(id) {
      const { changes } = database
        .prepare("UPDATE key SET revoked = ? WHERE id = ? AND revoked IS NULL")
        .run(now().toISOString(), id);
      if (changes === 0)
        throw new Error(`there is no key ${JSON.stringify(id)} that could be revoked; \`keys list\` shows them`);
      return recordOf(database.prepare(`SELECT ${columns} FROM key WHERE id = ?`).get(id) as Record<string, unknown>);
    },
    find(key) {
      const parts = /^baltoro_([0-9a-f]{8})_([A-Za-z0-9_-]{43})$/.exec(key);
      if (!parts) return undefined;
      const row = byId.get(parts[1]) as (Record<string, unknown> & { digest: Uint8Array }) | undefined;
      return row && timingSafeEqual(row.digest, digestOf(parts[2])) ? recordOf(row) : undefined;
    },
    required: () => any.get() !== undefined,
    useOnce: (token, expires, at) =>
      transact(database, () => {
        forget.run(at);
        return use.run(digestOf(token), expires).changes === 1;
      }),
    close: () => database.close(),
  };
}

function checkName(name: string): void {
  if (!/^[\p{L}\p{N}][\p{L}\p{N} ._@-]{0,63}$/u.test(name)) {
    throw new Error("a key's name has 1 to 64 letters, digits, spaces and . _ @ -, and starts with a letter or digit");
  }
}

function recordOf(row: Record<string, unknown>): KeyRecord {
  const { id, name, role, created, revoked } = row as unknown as KeyRecord & { revoked: string | null };
  return { id, name, role, created, ...(revoked === null ? {} : { revoked }) };
}

const digestOf = (secret: string) => createHash("sha256").update(secret).digest();
