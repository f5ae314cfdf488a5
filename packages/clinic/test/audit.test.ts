import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import fc from "fast-check";
import { hashEntry } from "../src/audit/entry.ts";
import { schema } from "../src/audit/log.ts";
import { type AuditEvent, openAuditLog, verifyAuditLog } from "../src/index.ts";

function inDirectory<T>(use: (directory: string) => T): T {
  const directory = mkdtempSync(join(tmpdir(), "baltoro-audit-"));
  const clean = () => rmSync(directory, { recursive: true });
  const result = use(directory);
  if (result instanceof Promise) return result.finally(clean) as T;
  clean();
  return result;
}

const event = (i: number): AuditEvent => ({
  ...{ actor: i % 3 ? "ab12cd34" : "local", role: "clinician", action: "assess", outcome: i % 5 ? "ok" : "failed" },
  ...(i % 2 ? { note: "f".repeat(64), model: "0".repeat(64) } : {}),
  ...(i % 4 ? {} : { detail: `card ${i}` }),
});

function write(directory: string, count: number): void {
  const log = openAuditLog(directory, { now: () => new Date(Date.UTC(2026, 2, 1)) });
  for (let i = 0; i < count; i++) log.append(event(i));
  log.close();
}

/** Changes the file as one who has it and knows SQL. */
/** As one would who knows the log: the triggers are back afterwards. */
function tamper(directory: string, sql: string): void {
  const database = new DatabaseSync(join(directory, "audit.db"));
  database.exec(
    "PRAGMA synchronous = OFF; DROP TRIGGER entry_no_update; DROP TRIGGER entry_no_delete; DROP TRIGGER head_no_delete; DROP TRIGGER head_forward;",
  );
  database.exec(sql);
  database.exec(schema);
  database.close();
}

test("entries follow one another, verify, and are only their owner's to read", () =>
  inDirectory((directory) => {
    write(directory, 12);
    const log = openAuditLog(directory);
    const entries = log.entries();
    assert.deepEqual(
      entries.map(({ seq }) => seq),
      Array.from({ length: 12 }, (_, i) => i + 1),
    );
    assert.deepEqual(
      log.entries(10).map(({ seq }) => seq),
      [11, 12],
    );
    assert.deepEqual(log.head(), { seq: 12, hash: entries[11].hash });
    assert.equal(entries[3].previous, entries[2].hash);
    assert.ok(!("detail" in entries[1]), "what is absent stays absent");
    log.close();
    const result = verifyAuditLog(directory);
    assert.deepEqual([result.ok, result.entries, result.problems, result.notes], [true, 12, [], []]);
    if (process.platform !== "win32")
      for (const file of ["audit.db", "audit.secret"])
        assert.equal(statSync(join(directory, file)).mode & 0o777, 0o600, file);
  }));

test("an empty log verifies; where there is none, that is said", () =>
  inDirectory((directory) => {
    assert.throws(() => verifyAuditLog(directory), /is not there/);
    write(directory, 0);
    assert.equal(verifyAuditLog(directory).ok, true);
  }));

test("the database itself refuses changes", () =>
  inDirectory((directory) => {
    write(directory, 3);
    const database = new DatabaseSync(join(directory, "audit.db"));
    for (const sql of [
      "UPDATE entry SET actor = 'x'",
      "DELETE FROM entry WHERE seq = 3",
      "DELETE FROM head",
      "UPDATE head SET seq = 1",
    ]) {
      assert.throws(() => database.exec(sql), /append-only/, sql);
    }
    database.close();
    assert.equal(verifyAuditLog(directory).ok, true);
  }));

const attacks: [string, string, RegExp][] = [
  ["an edit", "UPDATE entry SET outcome = 'denied' WHERE seq = 4", /entry 4: was changed/],
  ["an edit to NULL", "UPDATE entry SET note = NULL WHERE seq = 4", /entry 4: was changed/],
  ["an empty field for an absent one", "UPDATE entry SET detail = '' WHERE seq = 4", /entry 4: was changed/],
  ["a deletion", "DELETE FROM entry WHERE seq = 4", /entry 5: follows entry 3/],
  [
    "a deletion with places closed up",
    "DELETE FROM entry WHERE seq = 4; UPDATE entry SET seq = seq - 1 WHERE seq > 4",
    /entry 4: does not follow/,
  ],
  [
    "an exchange",
    "UPDATE entry SET seq = 99 WHERE seq = 4; UPDATE entry SET seq = 4 WHERE seq = 5; UPDATE entry SET seq = 5 WHERE seq = 99",
    /entry 4: does not follow/,
  ],
  ["cutting off the end", "DELETE FROM entry WHERE seq > 7", /ends at entry 7, its sealed head is entry 9/],
  [
    "cutting off end and head",
    "DELETE FROM entry WHERE seq > 7; UPDATE head SET seq = 7, hash = (SELECT hash FROM entry WHERE seq = 7)",
    /seal of the head is wrong/,
  ],
  ["taking the head away", "DELETE FROM head", /sealed head is missing/],
  ["emptying the log", "DELETE FROM entry", /sealed head/],
  ["a first entry gone", "DELETE FROM entry WHERE seq = 1", /entry 2: follows entry 0/],
];
for (const [name, sql, message] of attacks)
  test(`${name} is found`, () =>
    inDirectory((directory) => {
      write(directory, 9);
      tamper(directory, sql);
      const { ok, problems } = verifyAuditLog(directory);
      assert.equal(ok, false);
      assert.match(problems.join("\n"), message);
    }));

test("a forged chain, rewritten from the change on, is found by the seal, and by a head kept elsewhere", () =>
  inDirectory((directory) => {
    write(directory, 6);
    const log = openAuditLog(directory);
    const kept = log.head();
    const entries = log.entries();
    log.close();
    let previous = entries[2].previous;
    const sql = entries.slice(2).map((entry) => {
      const row = { ...entry, outcome: "denied", previous };
      const hash = hashEntry(row);
      previous = hash;
      return `UPDATE entry SET outcome = 'denied', previous = '${row.previous}', hash = '${hash}' WHERE seq = ${entry.seq}`;
    });
    tamper(directory, [...sql, `UPDATE head SET hash = '${previous}'`].join(";"));
    assert.deepEqual(verifyAuditLog(directory).problems, ["the seal of the head is wrong"]);
    rmSync(join(directory, "audit.secret"));
    const blind = verifyAuditLog(directory);
    assert.deepEqual(
      [blind.ok, blind.notes.length],
      [true, 1],
      "without the secret the seal says nothing, and that is said",
    );
    assert.match(verifyAuditLog(directory, kept).problems[0], /entry 6: is not the one of the given head/);
  }));

test("a log without its triggers, or with others, is found", () => {
  for (const [sql, problem] of [
    ["DROP TRIGGER entry_no_delete", "the trigger entry_no_delete is gone"],
    [
      "CREATE TRIGGER more AFTER INSERT ON entry BEGIN DELETE FROM head; END",
      "the trigger more does not belong to the log",
    ],
  ]) {
    inDirectory((directory) => {
      write(directory, 3);
      const database = new DatabaseSync(join(directory, "audit.db"));
      database.exec(sql);
      database.close();
      assert.deepEqual(verifyAuditLog(directory).problems, [problem]);
    });
  }
});

test("an old copy put back is found only by a head kept elsewhere", () =>
  inDirectory((directory) => {
    write(directory, 4);
    const copy = readFileSync(join(directory, "audit.db"));
    write(directory, 3);
    const log = openAuditLog(directory);
    const kept = log.head();
    log.close();
    writeFileSync(join(directory, "audit.db"), copy);
    assert.equal(verifyAuditLog(directory).ok, true);
    assert.match(verifyAuditLog(directory, kept).problems[0], /ends at entry 4, before entry 7/);
  }));

test("any single bit of any field", () =>
  inDirectory((directory) => {
    write(directory, 6);
    const log = openAuditLog(directory);
    const entries = log.entries();
    log.close();
    const path = join(directory, "audit.db");
    const whole = readFileSync(path);
    const fields = ["at", "actor", "role", "action", "outcome", "note", "model", "detail", "previous", "hash"] as const;
    const cases = entries.flatMap((entry) =>
      fields.filter((field) => entry[field] !== undefined).map((field) => [entry.seq, field, entry[field]] as const),
    );
    fc.assert(
      fc.property(fc.constantFrom(...cases), fc.nat(), fc.nat(7), ([seq, field, value], place, bit) => {
        const bytes = Buffer.from(value as string);
        bytes[place % bytes.length] ^= 1 << bit;
        writeFileSync(path, whole);
        tamper(directory, `UPDATE entry SET ${field} = CAST(x'${bytes.toString("hex")}' AS TEXT) WHERE seq = ${seq}`);
        assert.equal(verifyAuditLog(directory).ok, false, `${field} of ${seq}`);
      }),
      { numRuns: 100 },
    );
  }));

test("any single bit of the file is found, or changes nothing that the log says", () =>
  inDirectory((directory) => {
    write(directory, 40);
    const path = join(directory, "audit.db");
    const whole = readFileSync(path);
    const read = () => {
      const log = openAuditLog(directory);
      try {
        return JSON.stringify(log.entries());
      } finally {
        log.close();
      }
    };
    const before = read();
    let found = 0;
    fc.assert(
      fc.property(fc.nat(whole.length * 8 - 1), (place) => {
        const flipped = Buffer.from(whole);
        flipped[place >> 3] ^= 1 << (place & 7);
        writeFileSync(path, flipped);
        rmSync(`${path}-journal`, { force: true });
        if (verifyAuditLog(directory).ok) assert.equal(read(), before, `bit ${place}`);
        else found++;
      }),
      { numRuns: 400 },
    );
    assert.ok(found > 100, `${found} of 400 were found; the rest lie in free space`);
    writeFileSync(path, whole);
  }));

test(
  "a process killed in the midst leaves a log that verifies and holds all that it had confirmed",
  { timeout: 60_000 },
  () =>
    inDirectory(async (directory) => {
      let confirmed = 0;
      for (let round = 0; round < 4; round++) {
        const child = spawn(
          process.execPath,
          [join(import.meta.dirname, "audit-writer.ts"), directory, `w${round}`, "100000"],
          { stdio: ["ignore", "pipe", "inherit"] },
        );
        let output = "";
        child.stdout.on("data", (chunk) => {
          output += chunk;
          if (output.length > 40 * (round + 1)) child.kill("SIGKILL");
        });
        await once(child, "close");
        confirmed = Number(output.slice(0, output.lastIndexOf("\n")).split("\n").at(-1));
        const result = verifyAuditLog(directory);
        assert.deepEqual(result.problems, []);
        assert.ok(
          result.head.seq >= confirmed && result.head.seq <= confirmed + 1,
          `${result.head.seq} of ${confirmed}`,
        );
      }
      assert.ok(confirmed > 20);
    }),
);

test("three processes at once stay in order", { timeout: 60_000 }, () =>
  inDirectory(async (directory) => {
    const children = ["a", "b", "c"].map((name) =>
      spawn(process.execPath, [join(import.meta.dirname, "audit-writer.ts"), directory, name, "60"], {
        stdio: ["ignore", "ignore", "inherit"],
      }),
    );
    for (const [code] of await Promise.all(children.map((child) => once(child, "exit")))) assert.equal(code, 0);
    const result = verifyAuditLog(directory);
    assert.deepEqual([result.problems, result.entries], [[], 180]);
    const log = openAuditLog(directory);
    for (const name of ["a", "b", "c"]) {
      const own = log
        .entries()
        .filter(({ actor }) => actor === name)
        .map(({ detail }) => Number(detail));
      assert.deepEqual(
        own,
        Array.from({ length: 60 }, (_, i) => i),
      );
    }
    log.close();
  }),
);

test("it may be examined while another process appends, and neither disturbs the other", { timeout: 60_000 }, () =>
  inDirectory(async (directory) => {
    write(directory, 20);
    const child = spawn(process.execPath, [join(import.meta.dirname, "audit-writer.ts"), directory, "w", "60"], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    const ended = once(child, "exit");
    let rounds = 0;
    for (; child.exitCode === null; rounds++) {
      assert.deepEqual(verifyAuditLog(directory, undefined, 7).problems, []);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    assert.deepEqual((await ended)[0], 0);
    assert.ok(rounds > 2);
    assert.equal(verifyAuditLog(directory).entries, 80);
  }),
);

test("a note's hash needs the secret, and a log without its secret is not gone on with", () =>
  inDirectory((directory) => {
    const log = openAuditLog(directory);
    const hash = log.hashNote("咳嗽");
    assert.match(hash, /^[0-9a-f]{64}$/);
    assert.equal(log.hashNote("咳嗽"), hash);
    log.close();
    inDirectory((other) => {
      const second = openAuditLog(other);
      assert.notEqual(second.hashNote("咳嗽"), hash);
      second.close();
    });
    rmSync(join(directory, "audit.secret"));
    assert.throws(() => openAuditLog(directory), /audit\.secret is missing/);
    writeFileSync(join(directory, "audit.secret"), "short");
    assert.throws(() => openAuditLog(directory), /64 hexadecimal digits/);
  }));

test("a backup taken while another writes is a log that verifies", () =>
  inDirectory(async (directory) => {
    write(directory, 10);
    const log = openAuditLog(directory);
    const copy = join(directory, "copy");
    await Promise.all([log.backup(join(directory, "copy.db")), Promise.resolve().then(() => log.append(event(1)))]);
    log.close();
    assert.ok(!existsSync(copy));
    rmSync(join(directory, "audit.db"));
    writeFileSync(join(directory, "audit.db"), readFileSync(join(directory, "copy.db")));
    const result = verifyAuditLog(directory);
    assert.deepEqual(result.problems, []);
    assert.ok(result.entries >= 10);
  }));
