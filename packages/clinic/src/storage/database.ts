import { chmodSync, existsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";

/** How long a writer waits for another one, milliseconds. */
const busyTimeout = 5000;

/**
 * Opens a SQLite file that only its owner may read, and makes its tables. A rollback journal and full syncs: what was committed is on the
 * disk, and the file is whole by itself, so that copying it between two writes is a backup.
 *
 * @throws with the path, where it cannot be opened
 */
export function openDatabase(path: string, schema: string): DatabaseSync {
  const fresh = !existsSync(path);
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { timeout: busyTimeout });
    if (fresh) chmodSync(path, 0o600);
    database.exec("PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF;");
    transact(database, () => database!.exec(schema));
    return database;
  } catch (error) {
    database?.close();
    throw new Error(`${path} cannot be opened: ${(error as Error).message}`);
  }
}

/** Runs `work` as the only writer, of this process and of others. */
export function transact<T>(database: DatabaseSync, work: () => T): T {
  database.exec("BEGIN IMMEDIATE");
  try {
    const result = work();
    database.exec("COMMIT");
    return result;
  } catch (error) {
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}
