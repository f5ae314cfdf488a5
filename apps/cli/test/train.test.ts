/** The command as a user runs it: real processes, a real stop with Ctrl-C, and bits that are the same after a resume. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { writeTinyModel } from "./tiny-model.ts";

const launcher = join(import.meta.dirname, "../bin/baltoro.js");
const folder = mkdtempSync(join(tmpdir(), "baltoro-cli-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function baltoro(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [launcher, ...args], {
    encoding: "utf8",
    timeout: 120_000,
  });
  return { status, stdout, stderr };
}

const data = join(folder, "tales.txt");
const words =
  "the fox and the crow sat by a river that ran past old stone walls while winter wind sang in bare trees".split(" ");
let state = 12345;
const draw = (below: number) => {
  state = (Math.imul(state, 1103515245) + 12345) >>> 0;
  return (state >>> 8) % below;
};
writeFileSync(
  data,
  Array.from(
    { length: 40 },
    () => `${Array.from({ length: 120 }, () => words[draw(words.length)] + (draw(9) ? "" : ".")).join(" ")}\n\n\n`,
  ).join(""),
);

const model = writeTinyModel(folder, 2);
const options = [
  "--data",
  data,
  "--model",
  model,
  "--steps",
  "200",
  "--batch",
  "4",
  "--sequence",
  "64",
  "--threads",
  "2",
  "--accumulate",
  "2",
];

function weightsOf(run: string): Buffer {
  const checkpoints = readdirSync(join(run, "checkpoints")).sort();
  return readFileSync(join(run, "checkpoints", checkpoints[checkpoints.length - 1], "model.safetensors"));
}

function losses(run: string): number[] {
  return readFileSync(join(run, "metrics.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line).loss);
}

test("a run that was stopped and resumed ends with the bits of one that was not", async () => {
  const whole = join(folder, "whole");
  const first = baltoro("train", ...options, "--out", whole);
  assert.equal(first.status, 0, first.stderr + first.stdout);
  assert.match(first.stdout, /finished at step 200.*bits per byte/);
  const report = readFileSync(join(whole, "report.html"), "utf8");
  assert.match(report, /<svg/);

  const stopped = join(folder, "stopped");
  const child = spawn(process.execPath, [launcher, "train", ...options, "--out", stopped], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const metrics = join(stopped, "metrics.jsonl");
  let code: number | null = null;
  const exit = new Promise<void>((resolve) =>
    child.once("exit", (status) => {
      code = status;
      resolve();
    }),
  );
  for (let waited = 0; waited < 60_000 && code === null; waited += 5) {
    try {
      if (readFileSync(metrics, "utf8").split("\n").length > 6) break;
    } catch {}
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  child.kill("SIGTERM");
  await exit;
  const steps = losses(stopped).length;
  assert.ok(steps < 201, "the run was over before it could be stopped");
  assert.equal(code, 130);

  const again = baltoro("train", ...options, "--out", stopped);
  assert.equal(again.status, 1);
  assert.match(again.stderr, /holds a run at step \d+: resume it/);
  const resumed = baltoro("train", "--resume", "--out", stopped, "--threads", "2");
  assert.equal(resumed.status, 0, resumed.stderr);
  assert.match(resumed.stdout, /resumed from .*step-/);
  assert.deepEqual(losses(stopped), losses(whole));
  assert.ok(weightsOf(stopped).equals(weightsOf(whole)), "the weights differ");

  const checkpoint = join(whole, "checkpoints", "step-000200");
  const text = baltoro(
    "generate",
    "--checkpoint",
    checkpoint,
    "--prompt",
    "the fox",
    "--max-tokens",
    "8",
    "--json",
    "--seed",
    "3",
  );
  assert.equal(text.status, 0, text.stderr);
  const generated = JSON.parse(text.stdout);
  assert.equal(generated.tokens, generated.ids.length);
  assert.ok(generated.tokens > 0 && generated.tokens <= 8);
  const evaluation = baltoro("eval", "--checkpoint", checkpoint, "--text", data, "--json");
  assert.equal(evaluation.status, 0, evaluation.stderr);
  const { bitsPerByte, loss } = JSON.parse(evaluation.stdout);
  assert.ok(loss < 5.5 && bitsPerByte > 0.3 && bitsPerByte < 3, `loss ${loss}, bits per byte ${bitsPerByte}`);
});

test("mistakes on the command line are told, with what to do", () => {
  for (const [args, message] of [
    [["fly"], /there is no command fly/],
    [["train"], /--data is missing/],
    [["train", "--data", join(folder, "nowhere.txt")], /nowhere\.txt/],
    [["train", "--data", data, "--steps", "many"], /--steps is many, expected a whole number/],
    [["train", "--data", data, "--model", "k3"], /unknown preset k3: there are k2-tiny/],
    [["train", "--data", data, "--recompute", "all"], /--recompute is all, expected none, k2, layer/],
    [
      ["train", "--data", data, "--recompute", "layer", "--store", "fp8"],
      /--store fp8 goes with --recompute k2 or none/,
    ],
    [["train", "--data", data, "--wings"], /wings/],
    [["generate", "--prompt", "x"], /--checkpoint is missing/],
    [["generate", "--checkpoint", folder, "--prompt", "x"], /config\.json cannot be read/],
    [["train", "--resume", "--out", join(folder, "never")], /not a run directory/],
  ] as [string[], RegExp][]) {
    const { status, stderr } = baltoro(...args);
    assert.notEqual(status, 0, args.join(" "));
    assert.match(stderr, message);
  }
});

test("help and doctor answer", () => {
  assert.match(baltoro("--help").stdout, /train\s+train a tokenizer/);
  assert.match(baltoro("train", "--help").stdout, /--resume/);
  const { status, stdout } = baltoro("doctor");
  assert.equal(status, 0);
  assert.match(stdout, /256-bit vectors\s+(on|off): /);
});

test("two ranks train as one does; a rank that is killed ends the run", async () => {
  const short = [...options.slice(0, 4), "--steps", "6", "--batch", "4", "--sequence", "64", "--threads", "1"];
  const [one, two] = [join(folder, "rank-1"), join(folder, "rank-2")];
  assert.equal(baltoro("train", ...short, "--out", one).status, 0);
  const { status, stdout, stderr } = baltoro("train", ...short, "--ranks", "2", "--expert-parallel", "--out", two);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /2 ranks, each wasm, 1 threads/);
  assert.equal(stdout.match(/finished at step 6/g)?.length, 1, "only rank 0 prints");
  const expected = losses(one);
  for (const [i, loss] of losses(two).entries())
    if (loss !== undefined) assert.ok(Math.abs(loss - expected[i]) <= 1e-5, `${i}: ${loss}, ${expected[i]}`);

  const lost = join(folder, "lost");
  const environment = { ...process.env, WORLD_SIZE: "2", TMPDIR: folder };
  const ranks = [0, 1].map((rank) => {
    const child = spawn(process.execPath, [launcher, "train", ...short, "--steps", "100000", "--out", lost], {
      env: { ...environment, RANK: String(rank) },
      stdio: ["ignore", "ignore", "pipe"],
      detached: true,
    });
    let text = "";
    child.stderr.on("data", (chunk) => {
      text += String(chunk);
    });
    const exit = new Promise<number | null>((resolve) => child.once("exit", resolve));
    return { child, exit, text: () => text };
  });
  for (let waited = 0; waited < 30_000; waited += 20) {
    try {
      if (losses(lost).length > 3) break;
    } catch {}
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  // The launcher and its child.
  process.kill(-(ranks[1].child.pid as number), "SIGKILL");
  assert.equal(await ranks[0].exit, 1, ranks[0].text());
  assert.match(ranks[0].text(), /rank 0, \w+ of \d+: .*rank 1 is lost/);
});

test("contradictory ranks are refused", () => {
  const train = (environment: Record<string, string>, ...more: string[]) =>
    spawnSync(process.execPath, [launcher, "train", "--data", data, "--out", join(folder, "never"), ...more], {
      encoding: "utf8",
      timeout: 60_000,
      env: { ...process.env, ...environment },
    });
  for (const [{ status, stderr }, message] of [
    [train({ RANK: "0" }), /RANK is set, WORLD_SIZE is not/],
    [train({ RANK: "0", WORLD_SIZE: "2" }, "--ranks", "2"), /--ranks is 2, but torchrun started this process/],
    [train({}, "--ranks", "3", "--batch", "4"), /--batch is 4, which does not divide among 3 ranks/],
    [train({ RANK: "0", WORLD_SIZE: "2", BALTORO_RANK_TIMEOUT: "1" }), /rank 1 of 2 did not join within 1 s/],
    [
      train({ RANK: "0", WORLD_SIZE: "4", LOCAL_WORLD_SIZE: "2" }),
      /2 of 4 ranks are on this machine, and MASTER_ADDR and MASTER_PORT are not set; give/,
    ],
  ] as [{ status: number | null; stderr: string }, RegExp][]) {
    assert.notEqual(status, 0);
    assert.match(stderr, message);
  }
});
