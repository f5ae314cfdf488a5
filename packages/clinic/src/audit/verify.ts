import { accessSync, constants, existsSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { hashEntry, hashedFields, origin } from "./entry.ts";
import { type AuditHead, logFile, readSecret, sealOf, secretFile } from "./log.ts";

/** What an examination of a log found. */
export interface Verification {
  readonly ok: boolean;
  readonly entries: number;
  readonly head: AuditHead;
  /** What is wrong, the first things first; at most 20. */
  readonly problems: readonly string[];
  /** Things that could not be examined. */
  readonly notes: readonly string[];
}

const maxProblems = 20;
const types: Readonly<Record<string, string>> = { seq: "number" };
const optional: ReadonlySet<string> = new Set(["note", "model", "detail"]);

/**
 * Examines every entry: its own hash, the hash before it, its place, and the sealed head. `anchor` is a head that was kept elsewhere: the
 * log must still hold it.
 *
 * @throws where there is no log
 */
export function verifyAuditLog(directory: string, anchor?: AuditHead): Verification {
  const path = join(directory, logFile);
  if (!existsSync(path)) throw new Error(`${path} is not there: nothing was logged yet, or the log is gone`);
  const problems: string[] = [];
  const notes: string[] = [];
  let head: AuditHead = { seq: 0, hash: origin };
  let entries = 0;
  let database: DatabaseSync | undefined;
  try {
    // Where it may write, SQLite first undoes what a killed process left half done.
    database = new DatabaseSync(path, { readOnly: !writable(path), timeout: 5000 });
    database.exec("PRAGMA query_only = ON");
    let anchored = anchor === undefined || anchor.seq === 0;
    // By the table's own order, so that no index stands between.
    for (const row of database.prepare("SELECT * FROM entry NOT INDEXED ORDER BY seq").iterate()) {
      if (problems.length >= maxProblems) break;
      entries++;
      const { seq, hash } = row as unknown as AuditHead;
      const wrong = (what: string) => problems.push(`entry ${seq}: ${what}`);
      if (seq !== head.seq + 1) wrong(`follows entry ${head.seq}: entries are missing or out of order`);
      if (row["previous"] !== head.hash) wrong("does not follow from the entry before it");
      const badly = hashedFields.find((field) => {
        const value = row[field];
        return !(value === null && optional.has(field)) && typeof value !== (types[field] ?? "string");
      });
      if (badly !== undefined) wrong(`${badly} is of the wrong type`);
      else if (hashEntry(row as Record<string, string | number | null>) !== hash) wrong("was changed");
      if (anchor?.seq === seq) {
        anchored = true;
        if (anchor.hash !== hash) wrong("is not the one of the given head: the log was written anew");
      }
      head = { seq, hash };
    }
    if (!anchored && problems.length === 0) {
      problems.push(`the log ends at entry ${head.seq}, before entry ${anchor?.seq} of the given head: it was cut off`);
    }
    checkHead(database, directory, head, problems, notes);
  } catch (error) {
    problems.push(`the file is damaged: ${(error as Error).message}`);
  } finally {
    database?.close();
  }
  return { ok: problems.length === 0, entries, head, problems, notes };
}

function checkHead(
  database: DatabaseSync,
  directory: string,
  head: AuditHead,
  problems: string[],
  notes: string[],
): void {
  const rows = database.prepare("SELECT seq, hash, seal FROM head").all() as unknown as (AuditHead & {
    seal: string;
  })[];
  if (rows.length !== (head.seq === 0 ? 0 : 1)) {
    problems.push(`the sealed head is ${rows.length === 0 ? "missing" : "there, and no entries are"}`);
    return;
  }
  const [sealed] = rows;
  if (!sealed) return;
  if (sealed.seq !== head.seq || sealed.hash !== head.hash) {
    problems.push(
      `the log ends at entry ${head.seq}, its sealed head is entry ${sealed.seq}: it was cut off or added to`,
    );
  }
  if (!existsSync(join(directory, secretFile)))
    notes.push(`${secretFile} is not here: the seal of the head was not examined`);
  else if (sealOf(readSecret(directory, false), sealed) !== sealed.seal) problems.push("the seal of the head is wrong");
}

function writable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
