/**
 * What ends a training against its will, in real processes: a computing thread that dies, memory that does not suffice, weights that are no
 * numbers, a full disk. Each leaves the last checkpoint, whole metrics, a report and a message that names the step; and the run goes on
 * from there with the bits of one that nothing happened to.
 */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { writeTinyModel } from "./tiny-model.ts";

const launcher = join(import.meta.dirname, "../bin/baltoro.js");
const killThread = join(import.meta.dirname, "failures/kill-thread.js");
const folder = mkdtempSync(join(tmpdir(), "baltoro-failures-"));
const disk = join(folder, "disk");
after(() => {
  if (existsSync(disk)) spawnSync("umount", [disk]);
  rmSync(folder, { recursive: true, force: true });
});

const data = join(folder, "tales.txt");
const words = "the fox and the crow sat by a river that ran past old stone walls while winter wind sang".split(" ");
const word = (i: number) => words[(Math.imul(i, 2654435761) >>> 9) % words.length];
writeFileSync(
  data,
  Array.from({ length: 60 }, (_, d) => Array.from({ length: 200 }, (_, i) => word(d * 977 + i)).join(" ")).join(
    "\n\n\n",
  ),
);
const model = writeTinyModel(folder, 4);

const steps = 9;
/** A checkpoint every 3 steps. */
const interval = 3;
const options = ["--data", data, "--model", model, "--steps", String(steps), "--batch", "64", "--sequence", "64"];

function baltoro(args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [launcher, "train", ...args, "--threads", "2"], {
    encoding: "utf8",
    timeout: 60_000,
    env: { ...process.env, ...environment },
  });
  return { status, stdout, stderr };
}

const checkpointsOf = (run: string) => readdirSync(join(run, "checkpoints")).sort();
const lastCheckpoint = (run: string) => Number(checkpointsOf(run).at(-1)?.split("-")[1] ?? 0);

/** All that a run's steps have left, less times. Every line of its metrics must be whole. */
function resultOf(run: string) {
  const text = readFileSync(join(run, "metrics.jsonl"), "utf8");
  assert.ok(text.endsWith("\n"), "the last line of the metrics has no end");
  const records = text
    .trim()
    .split("\n")
    .map((line) => {
      const { tokensPerSecond, seconds, ...rest } = JSON.parse(line);
      return rest as { step: number };
    });
  assert.deepEqual(
    records.map(({ step }) => step),
    records.map((_, i) => i),
  );
  const last = checkpointsOf(run).at(-1) as string;
  const files = ["model.safetensors", "optimizer.safetensors"];
  return { records, weights: files.map((name) => readFileSync(join(run, "checkpoints", last, name), "base64")) };
}

/** What every failure leaves. Returns the step of the checkpoint. */
function checkFailure(run: string, { status, stderr }: ReturnType<typeof baltoro>, message: RegExp): number {
  assert.equal(status, 1, stderr);
  assert.match(stderr, message);
  const [, named] = /training (?:ended|diverged) .*?step (\d+)/.exec(stderr) ?? assert.fail(stderr);
  const saved = lastCheckpoint(run);
  const { records } = resultOf(run);
  const done = records.length - 1;
  assert.ok(Number(named) >= done && Number(named) <= done + 1, `step ${named} is named, ${done} were done`);
  assert.ok(saved > 0 && done - saved <= interval, `${done} steps were done, the checkpoint is of ${saved}`);
  assert.ok(stderr.includes(`checkpoint of step ${saved} is`), stderr);
  const ending = JSON.parse(readFileSync(join(run, "ending.json"), "utf8"));
  assert.equal(ending.outcome, "failed");
  assert.ok(stderr.includes(ending.message), "the message of ending.json is another");
  assert.ok(readFileSync(join(run, "report.html"), "utf8").includes(`step ${named}`), "the report does not say it");
  assert.ok(!existsSync(join(run, "run.lock")));
  assert.ok(
    checkpointsOf(run).every((name) => name.startsWith("step-")),
    "a half-written checkpoint was left",
  );
  return saved;
}

const whole = join(folder, "whole");
let expected: ReturnType<typeof resultOf>;

test("a thread that dies, memory that does not suffice, weights that are no numbers: the run goes on after each, bit for bit", () => {
  const first = baltoro([...options, "--out", whole]);
  assert.equal(first.status, 0, first.stderr);
  expected = resultOf(whole);
  assert.equal(JSON.parse(readFileSync(join(whole, "ending.json"), "utf8")).outcome, "finished");

  const run = join(folder, "run");
  const killed = baltoro([...options, "--out", run], {
    NODE_OPTIONS: `--import ${killThread}`,
    KILL_FILE: join(run, "metrics.jsonl"),
    KILL_LINES: "5",
  });
  const lost = /training ended .*step \d+.*: .*device is lost, thread 1 of 2 died.*go on with --resume --out/;
  const saved = checkFailure(run, killed, lost);
  assert.ok(saved < steps);

  const resume = ["--resume", "--out", run];
  const small = { BALTORO_MEMORY_MIB: "80" };
  const outOfMemory = /out of memory: .* for .*the WASM device holds 80\.0 MiB at most.*with --recompute k2, or layer,/;
  assert.equal(checkFailure(run, baltoro(resume, small), outOfMemory), saved);

  const config = join(run, "config.json");
  const text = readFileSync(config, "utf8");
  writeFileSync(config, JSON.stringify({ ...JSON.parse(text), learningRate: 1e38 }));
  const diverged = /training diverged at step \d+: .*start again with a lower learning rate/;
  assert.equal(checkFailure(run, baltoro(resume), diverged), saved);
  writeFileSync(config, text);

  // As the message has said: the same bits in less memory.
  const resumed = baltoro([...resume, "--recompute", "layer"], small);
  assert.equal(resumed.status, 0, resumed.stderr);
  assert.match(resumed.stdout, new RegExp(`resumed from .*step-0*${saved}\\b`));
  assert.deepEqual(resultOf(run), expected);
  assert.equal(JSON.parse(readFileSync(join(run, "ending.json"), "utf8")).outcome, "finished");
  assert.ok(!/<span class="badge open">failed/.test(readFileSync(join(run, "report.html"), "utf8")));
});

/** Why no small disk can be made here, or false. */
function withoutDisk(): string | false {
  mkdirSync(disk);
  const { status, error } = spawnSync("mount", ["-t", "tmpfs", "-o", "size=16m", "none", disk]);
  if (status === 0) return false;
  rmSync(disk, { recursive: true });
  return `no file system can be mounted here (${error?.message ?? "mount needs the rights of root"})`;
}

test("a disk that is full ends the run; with room on it, the run goes on, bit for bit", {
  skip: withoutDisk(),
}, async () => {
  const run = join(disk, "run");
  const child = spawn(process.execPath, [launcher, "train", ...options, "--threads", "2", "--out", run], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr.on("data", (chunk) => {
    stderr += String(chunk);
  });
  const exit = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const full = join(disk, "full");
  for (let waited = 0; waited < 30_000 && child.exitCode === null; waited += 2) {
    if (existsSync(join(run, "checkpoints", "step-000003"))) break;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  // Something else takes all the room that is left.
  spawnSync("dd", ["if=/dev/zero", `of=${full}`, "bs=4k"]);
  assert.equal(await exit, 1, stderr);
  assert.match(stderr, /training ended .*step \d+.*: .*(ENOSPC|no space left).*once there is room on the disk/);
  const saved = lastCheckpoint(run);
  const done = resultOf(run).records.length - 1;
  assert.ok(saved > 0 && done - saved <= interval, `${done} steps were done, the checkpoint is of ${saved}`);
  assert.ok(!existsSync(join(run, "run.lock")));
  rmSync(full);
  const resumed = baltoro(["--resume", "--out", run]);
  assert.equal(resumed.status, 0, resumed.stderr);
  assert.deepEqual(resultOf(run), expected);
});
