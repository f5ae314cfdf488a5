import { createHmac, randomBytes } from "node:crypto";
import { chmodSync, existsSync, linkSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { backup, type DatabaseSync } from "node:sqlite";
import { makeDataDirectory, openDatabase, transact } from "../storage/index.ts";
import { type AuditEntry, type AuditEvent, hashEntry, origin } from "./entry.ts";

/** Place and hash of the last entry: who holds it elsewhere notices if the log is cut off or written anew. */
export interface AuditHead {
  readonly seq: number;
  readonly hash: string;
}

/** An append-only log. Several processes may hold the same one. */
export interface AuditLog {
  /** Appends and syncs; when it returns, the entry is on the disk. @throws where it cannot be written */
  append(event: AuditEvent): AuditEntry;
  /** HMAC-SHA-256 of a note under this installation's secret, hex. */
  hashNote(text: string): string;
  head(): AuditHead;
  /** Entries after `seq`, oldest first. */
  entries(after?: number, limit?: number): AuditEntry[];
  /** Copies the log, whole, while others write. */
  backup(path: string): Promise<void>;
  close(): void;
}

export const logFile = "audit.db";
export const secretFile = "audit.secret";

/**
 * `head` holds the last place and hash, sealed with the secret, in the same transaction as the entry: cutting off the log without the
 * secret is noticed. STRICT and the triggers stop programs that mean no harm; the chain finds what those that do have changed.
 */
export const schema = `
CREATE TABLE IF NOT EXISTS entry (
  seq INTEGER PRIMARY KEY,
  at TEXT NOT NULL, actor TEXT NOT NULL, role TEXT NOT NULL, action TEXT NOT NULL, outcome TEXT NOT NULL,
  note TEXT, model TEXT, detail TEXT, previous TEXT NOT NULL, hash TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS head (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, hash TEXT NOT NULL, seal TEXT NOT NULL) STRICT;
CREATE TRIGGER IF NOT EXISTS entry_no_update BEFORE UPDATE ON entry BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER IF NOT EXISTS entry_no_delete BEFORE DELETE ON entry BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER IF NOT EXISTS head_no_delete BEFORE DELETE ON head BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER IF NOT EXISTS head_forward BEFORE UPDATE ON head WHEN new.seq <> old.seq + 1 BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
`;

export interface AuditOptions {
  readonly now?: () => Date;
  /** Whether to make a log where there is none. Default true. */
  readonly create?: boolean;
}

/**
 * Opens the log of a data directory, and makes it where there is none.
 *
 * @throws where it cannot be opened, or its secret is lost
 */
export function openAuditLog(directory: string, options: AuditOptions = {}): AuditLog {
  const path = join(directory, logFile);
  if (options.create === false && !existsSync(path)) {
    throw new Error(`${path} is not there: nothing was logged yet, or the log is gone`);
  }
  makeDataDirectory(directory);
  const secret = readSecret(directory, !existsSync(path));
  const database = openDatabase(path, schema);
  const now = options.now ?? (() => new Date());
  const last = database.prepare("SELECT seq, hash FROM entry ORDER BY seq DESC LIMIT 1");
  const insert = database.prepare(
    "INSERT INTO entry (seq, at, actor, role, action, outcome, note, model, detail, previous, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
  );
  const setHead = database.prepare(
    "INSERT INTO head (one, seq, hash, seal) VALUES (1, ?, ?, ?) ON CONFLICT (one) DO UPDATE SET seq = excluded.seq, hash = excluded.hash, seal = excluded.seal",
  );
  const head = (): AuditHead => {
    const row = last.get() as unknown as AuditHead | undefined;
    return row ? { seq: row.seq, hash: row.hash } : { seq: 0, hash: origin };
  };
  return {
    append: (event) =>
      transact(database, () => {
        const before = head();
        const row = {
          ...{
            seq: before.seq + 1,
            at: now().toISOString(),
            actor: event.actor,
            role: event.role,
            action: event.action,
          },
          ...{
            outcome: event.outcome,
            note: event.note,
            model: event.model,
            detail: event.detail,
            previous: before.hash,
          },
        };
        const hash = hashEntry(row);
        insert.run(
          ...[row.seq, row.at, row.actor, row.role, row.action, row.outcome],
          ...[row.note ?? null, row.model ?? null, row.detail ?? null, row.previous, hash],
        );
        setHead.run(row.seq, hash, sealOf(secret, { seq: row.seq, hash }));
        return { ...row, hash };
      }),
    hashNote: (text) => createHmac("sha256", secret).update("note\n").update(text, "utf8").digest("hex"),
    head,
    entries: (after = 0, limit = 1000) => readEntries(database, after, limit),
    async backup(target) {
      await backup(database, target);
      chmodSync(target, 0o600);
    },
    close: () => database.close(),
  };
}

/** Entries as they stand, absent fields left out. */
export function readEntries(database: DatabaseSync, after: number, limit: number): AuditEntry[] {
  const rows = database.prepare("SELECT * FROM entry WHERE seq > ? ORDER BY seq LIMIT ?").all(after, limit);
  return rows.map(
    (row) => Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null)) as unknown as AuditEntry,
  );
}

/** What vouches, under the secret, for where the log ends. */
export function sealOf(secret: Uint8Array, { seq, hash }: AuditHead): string {
  return createHmac("sha256", secret).update(`head\n${seq}\n${hash}`).digest("hex");
}

/**
 * The secret of an installation, beside the log and not in it: a copy of the log alone lets nobody test guesses of a note.
 *
 * @throws where a log has lost its secret, since its notes' hashes would mean nothing any more
 */
export function readSecret(directory: string, make: boolean): Uint8Array {
  const path = join(directory, secretFile);
  if (!existsSync(path)) {
    if (!make)
      throw new Error(`${path} is missing: put it back from a backup, or move ${logFile} away to begin a new log`);
    // Whole or not at all: another process may read it at the same time, and the first one's counts.
    const draft = join(directory, `.${secretFile}.${randomBytes(6).toString("hex")}`);
    writeFileSync(draft, `${randomBytes(32).toString("hex")}\n`, { mode: 0o600, flag: "wx" });
    try {
      linkSync(draft, path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    } finally {
      rmSync(draft);
    }
  }
  const text = readFileSync(path, "utf8").trim();
  if (!/^[0-9a-f]{64}$/.test(text)) throw new Error(`${path} is no secret: 64 hexadecimal digits are expected`);
  return Buffer.from(text, "hex");
}
