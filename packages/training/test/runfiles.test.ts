import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import {
  acquireLock,
  checkpointName,
  LockedError,
  latestCheckpoint,
  listCheckpoints,
  openRun,
  pruneCheckpoints,
  readRunConfig,
  runDirectory,
  verifyCheckpoint,
  writeCheckpoint,
  writeFileAtomic,
  writeRunConfig,
} from "../src/runfiles/index.ts";

let root = "";
let directory = "";
let count = 0;
before(() => {
  root = mkdtempSync(join(tmpdir(), "runfiles-"));
});
beforeEach(() => {
  directory = join(root, String(count++));
  mkdirSync(directory);
});
after(() => rmSync(root, { recursive: true, force: true }));

const fill = (text: string) => (path: string) => {
  mkdirSync(join(path, "optimizer"));
  writeFileSync(join(path, "model.safetensors"), text);
  writeFileSync(join(path, "optimizer", "state.bin"), `${text} state`);
};

/** The id of a process that has ended. */
async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ["-e", ""]);
  await once(child, "exit");
  return child.pid!;
}

test("a file is replaced as a whole", () => {
  const path = join(directory, "a.json");
  writeFileAtomic(path, "one");
  writeFileAtomic(path, "two");
  assert.equal(readFileSync(path, "utf8"), "two");
  assert.deepEqual(readdirSync(directory), ["a.json"]);
  assert.throws(() => writeFileAtomic(join(directory, "nowhere", "a"), "x"), /ENOENT/);
});

test("a checkpoint appears complete under its name", async () => {
  const { path } = await writeCheckpoint(directory, 123, fill("weights"));
  assert.equal(path, join(directory, "step-000123"));
  assert.equal(checkpointName(1234567), "step-1234567");
  assert.deepEqual(readdirSync(directory), ["step-000123"]);
  verifyCheckpoint(path);
  assert.deepEqual(latestCheckpoint(directory), { checkpoint: { step: 123, path }, incomplete: [] });
});

test("the newest complete checkpoint is found; others are named with the reason", async () => {
  for (const step of [9, 10, 1_000_000]) await writeCheckpoint(directory, step, fill(`step ${step}`));
  assert.deepEqual(
    listCheckpoints(directory).complete.map(({ step }) => step),
    [9, 10, 1_000_000],
  );
  rmSync(join(directory, "step-1000000", "optimizer", "state.bin"));
  writeFileSync(join(directory, "step-000010", "model.safetensors"), "short");
  mkdirSync(join(directory, ".step-000011.tmp-1"));
  mkdirSync(join(directory, "step-000012"));
  mkdirSync(join(directory, "notes"));
  const { checkpoint, incomplete } = latestCheckpoint(directory);
  assert.equal(checkpoint?.step, 9);
  const reasons = incomplete.map(({ path, reason }) => `${path.slice(directory.length + 1)}: ${reason}`).sort();
  assert.deepEqual(reasons, [
    ".step-000011.tmp-1: its writing was interrupted",
    "step-000010: model.safetensors has 5 bytes, expected 7",
    "step-000012: manifest.json is missing or unreadable",
    "step-1000000: optimizer/state.bin is missing",
  ]);
});

test("a write that fails leaves nothing, and keeps the checkpoint that was there", async () => {
  await writeCheckpoint(directory, 5, fill("old"));
  const failing = (path: string) => {
    fill("new")(path);
    throw new Error("disk full");
  };
  await assert.rejects(writeCheckpoint(directory, 5, failing), /disk full/);
  await assert.rejects(
    writeCheckpoint(directory, 6, () => {}),
    /nothing was written for step 6/,
  );
  assert.deepEqual(readdirSync(directory), ["step-000005"]);
  assert.equal(readFileSync(join(directory, "step-000005", "model.safetensors"), "utf8"), "old");
  await writeCheckpoint(directory, 5, fill("new"));
  assert.equal(readFileSync(join(directory, "step-000005", "model.safetensors"), "utf8"), "new");
  assert.deepEqual(readdirSync(directory), ["step-000005"]);
});

test("a process killed while it writes leaves no checkpoint under a name", async () => {
  const source = `
    import { writeCheckpoint } from ${JSON.stringify(new URL("../src/runfiles/index.ts", import.meta.url).href)};
    import { writeFileSync } from "node:fs";
    await writeCheckpoint(${JSON.stringify(directory)}, 7, async (path) => {
      writeFileSync(path + "/model.safetensors", "half");
      console.log("writing");
      await new Promise(() => setInterval(() => {}, 1000));
    });`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", source], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  child.kill("SIGKILL");
  await once(child, "exit");
  const { checkpoint, incomplete } = latestCheckpoint(directory);
  assert.equal(checkpoint, null);
  assert.equal(incomplete.length, 1);
  await writeCheckpoint(directory, 8, fill("x"));
  assert.deepEqual(pruneCheckpoints(directory, 3), [incomplete[0].path]);
  assert.deepEqual(readdirSync(directory), ["step-000008"]);
});

test("changed contents are found by their checksum", async () => {
  const { path } = await writeCheckpoint(directory, 1, fill("weights"));
  writeFileSync(join(path, "model.safetensors"), "weighty");
  assert.equal(listCheckpoints(directory).complete.length, 1);
  assert.throws(() => verifyCheckpoint(path), /model\.safetensors has changed.*Resume from an older one/);
});

test("only the newest checkpoints are kept", async () => {
  for (const step of [1, 2, 3, 4]) await writeCheckpoint(directory, step, fill("x"));
  assert.equal(pruneCheckpoints(directory, 2).length, 2);
  assert.deepEqual(readdirSync(directory), ["step-000003", "step-000004"]);
  assert.throws(() => pruneCheckpoints(directory, 0), /keep 0/);
});

test("a missing directory has no checkpoints", () => {
  assert.deepEqual(latestCheckpoint(join(directory, "nowhere")), { checkpoint: null, incomplete: [] });
});

test("a run is locked against a second use until it is released", () => {
  const path = join(directory, "run");
  const { run, lock } = openRun(path);
  assert.throws(
    () => openRun(path),
    (error: unknown) => {
      assert.ok(error instanceof LockedError);
      assert.match(
        error.message,
        new RegExp(`is held by process ${process.pid} on .*Stop that process, or choose another`),
      );
      return error.holder?.pid === process.pid;
    },
  );
  lock.release();
  assert.ok(!existsSync(run.lock));
  using second = openRun(path).lock;
  assert.equal(second.takenFrom, null);
});

test("another live process is respected; once it is gone its lock is taken over", async () => {
  const path = join(directory, "run");
  const source = `
    import { openRun } from ${JSON.stringify(new URL("../src/runfiles/index.ts", import.meta.url).href)};
    openRun(${JSON.stringify(path)});
    console.log("locked");
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", source], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  assert.throws(() => openRun(path), new RegExp(`held by process ${child.pid}`));
  child.kill("SIGKILL");
  await once(child, "exit");
  const { lock } = openRun(path);
  assert.equal(lock.takenFrom?.pid, child.pid);
  lock.release();
});

test("locks: a reused process id is stale; another machine's and a foreign file are not touched", async () => {
  const path = join(directory, "run.lock");
  const holder = { pid: process.ppid, host: hostname(), start: "1", since: "2020-01-01T00:00:00.000Z" };
  const put = (value: object) => writeFileSync(path, JSON.stringify(value));
  if (process.platform === "linux") {
    put(holder);
    acquireLock(path).release();
  }
  put({ ...holder, start: null });
  assert.throws(() => acquireLock(path), /is held by process/);
  put({ ...holder, pid: await deadPid(), start: null });
  acquireLock(path).release();
  put({ ...holder, host: "elsewhere" });
  assert.throws(() => acquireLock(path), /elsewhere.*another machine/);
  writeFileSync(path, "not a lock");
  assert.throws(() => acquireLock(path), /not a lock that this program wrote/);
  assert.deepEqual(readdirSync(directory), ["run.lock"]);
});

test("the configuration is written and read; what is no run is said so", () => {
  const { run, lock } = openRun(join(directory, "run"));
  using _ = lock;
  writeRunConfig(run, { seed: 1 });
  assert.deepEqual(readRunConfig(run), { seed: 1 });
  writeFileSync(run.config, "{");
  assert.throws(() => readRunConfig(run), /config\.json is malformed/);
  writeFileSync(run.config, "[]");
  assert.throws(() => readRunConfig(run), /must hold a JSON object/);
  assert.throws(() => readRunConfig(runDirectory(join(directory, "none"))), /is not a run directory/);
  const other = join(directory, "other");
  mkdirSync(other);
  writeFileSync(join(other, "thesis.tex"), "x");
  assert.throws(() => openRun(other), /is not a run directory \(no config\.json\)/);
});
