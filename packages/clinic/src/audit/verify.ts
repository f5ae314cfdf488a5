import { accessSync, constants, existsSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { hashEntry, hashedFields, origin } from "./entry.ts";
import { type AuditHead, logFile, readSecret, schema, sealOf, secretFile } from "./log.ts";

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
const optional: ReadonlySet<string> = new Set(["note", "model", "detail"]);

type Row = Record<string, string | number | null>;

/**
 * Examines every entry: its own hash, the hash before it, its place, and the sealed head. `anchor` is a head that was kept elsewhere: the
 * log must still hold it. Others may append meanwhile: `pageSize` entries are read at once, and hold up the writers only so long.
 *
 * @throws where there is no log
 */
export function verifyAuditLog(directory: string, anchor?: AuditHead, pageSize = 2000): Verification {
  const path = join(directory, logFile);
  if (!existsSync(path)) throw new Error(`${path} is not there: nothing was logged yet, or the log is gone`);
  const chain = examine(anchor);
  let database: DatabaseSync | undefined;
  try {
    // Where it may write, SQLite first undoes what a killed process left half done.
    database = new DatabaseSync(path, { readOnly: !writable(path), timeout: 5000 });
    database.exec("PRAGMA query_only = ON");
    checkSchema(database, chain);
    readChain(database, directory, chain, pageSize);
  } catch (error) {
    chain.problems.push(`the file is damaged: ${(error as Error).message}`);
  } finally {
    database?.close();
  }
  const { entries, head, problems, notes } = chain;
  return { ok: problems.length === 0, entries, head, problems, notes };
}

function readChain(database: DatabaseSync, directory: string, chain: Chain, pageSize: number): void {
  // By the table's own order, so that no index stands between.
  const page = database.prepare("SELECT * FROM entry NOT INDEXED WHERE seq >= ? ORDER BY seq LIMIT ?");
  let next: number | bigint = -(2n ** 63n);
  for (let last = false; !last; ) {
    // Entries and head of one moment.
    database.exec("BEGIN");
    const rows = page.all(next, pageSize) as Row[];
    last = rows.length < pageSize;
    const sealed = last ? readHeads(database) : [];
    database.exec("COMMIT");
    for (const row of rows) if (chain.problems.length < maxProblems) chain.add(row);
    if (chain.problems.length >= maxProblems) return;
    next = Number(rows.at(-1)?.["seq"] ?? 0) + 1;
    if (last) {
      chain.end();
      checkHead(sealed, directory, chain);
    }
  }
}

/** Tables and triggers are those that a log is made with: without its triggers it would be no append-only log. */
function checkSchema(database: DatabaseSync, chain: Chain): void {
  const pristine = new DatabaseSync(":memory:");
  pristine.exec(schema);
  const [expected, found] = [pristine, database].map(
    (of) =>
      new Map(
        (of.prepare("SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL").all() as Row[]).map(
          (row) => [`${row["type"]} ${row["name"]}`, `${row["tbl_name"]}: ${row["sql"]}`],
        ),
      ),
  );
  pristine.close();
  for (const [name, sql] of expected)
    if (found.get(name) !== sql) chain.problems.push(`the ${name} is ${found.has(name) ? "changed" : "gone"}`);
  for (const name of found.keys())
    if (!expected.has(name)) chain.problems.push(`the ${name} does not belong to the log`);
}

/** What is known of a chain so far. */
interface Chain {
  readonly entries: number;
  readonly head: AuditHead;
  readonly problems: string[];
  readonly notes: string[];
  add(row: Row): void;
  end(): void;
}

function examine(anchor: AuditHead | undefined): Chain {
  const problems: string[] = [];
  let head: AuditHead = { seq: 0, hash: origin };
  let entries = 0;
  let anchored = anchor === undefined || anchor.seq === 0;
  return {
    problems,
    notes: [],
    get entries() {
      return entries;
    },
    get head() {
      return head;
    },
    add(row) {
      entries++;
      const { seq, hash } = row as unknown as AuditHead;
      const wrong = (what: string) => problems.push(`entry ${seq}: ${what}`);
      if (seq !== head.seq + 1) wrong(`follows entry ${head.seq}: entries are missing or out of order`);
      if (row["previous"] !== head.hash) wrong("does not follow from the entry before it");
      const badly = hashedFields.find((field) => {
        const value = row[field];
        return !(value === null && optional.has(field)) && typeof value !== (field === "seq" ? "number" : "string");
      });
      if (badly !== undefined) wrong(`${badly} is of the wrong type`);
      else if (hashEntry(row) !== hash) wrong("was changed");
      if (anchor?.seq === seq) {
        anchored = true;
        if (anchor.hash !== hash) wrong("is not the one of the given head: the log was written anew");
      }
      head = { seq, hash };
    },
    end() {
      if (anchored || problems.length > 0) return;
      problems.push(`the log ends at entry ${head.seq}, before entry ${anchor?.seq} of the given head: it was cut off`);
    },
  };
}

type SealedHead = AuditHead & { readonly seal: string };

function readHeads(database: DatabaseSync): SealedHead[] {
  return database.prepare("SELECT seq, hash, seal FROM head").all() as unknown as SealedHead[];
}

function checkHead(rows: readonly SealedHead[], directory: string, { head, problems, notes }: Chain): void {
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
