/** simulate, plan and trace as a user runs them: real processes, real files, a real Ctrl-C. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { progressLine } from "../src/virtual-progress.ts";

const launcher = join(import.meta.dirname, "../bin/baltoro.js");
const folder = mkdtempSync(join(tmpdir(), "baltoro-simulate-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function baltoro(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [launcher, ...args], {
    encoding: "utf8",
    timeout: 120_000,
    cwd: folder,
  });
  return { status, stdout, stderr };
}

const at = (name: string) => join(folder, name);
const read = (name: string) => readFileSync(at(name), "utf8");

test("a log is replayed: a table, a page, JSON and wall times apart; the same again, to the byte", () => {
  const made = baltoro("trace", "generate", "--requests", "600", "--seed", "5", "--out", "log.jsonl");
  assert.equal(made.status, 0, made.stderr);
  assert.equal(read("log.jsonl").trim().split("\n").length, 600);
  const args = ["simulate", "--trace", "log.jsonl", "--cluster", "3P1D", "--admission", "predictive", "--ttft", "30s"];
  const first = baltoro(...args, "--tbt", "100ms", "--out", "one");
  assert.equal(first.status, 0, first.stderr);
  assert.match(first.stdout, /3P1D serves log\.jsonl/);
  assert.match(first.stdout, /effective +\d+ +\d+\.\d %/);
  assert.match(first.stdout, /TTFT +[\d.]+ m?s/);
  assert.equal(first.stderr, "", "no progress where nobody looks");
  const second = baltoro(...args, "--tbt", "100ms", "--out", "two");
  assert.equal(second.status, 0);
  assert.equal(read("one/report.json"), read("two/report.json"));
  // The page tells its own command, which names another directory.
  assert.equal(read("one/report.html"), read("two/report.html").replace("--out two", "--out one"));
  assert.ok(JSON.parse(read("one/timing.json")).wallMs > 0);
  const report = JSON.parse(read("one/report.json"));
  assert.equal(report.requests.total, 600);
  assert.deepEqual(
    [report.config.ttftLimitMs, report.config.tbtLimitMs, report.admission],
    [30_000, 100, "predictive"],
  );
  const verified = baltoro(...args, "--tbt", "100ms", "--out", "four", "--verify");
  assert.equal(verified.status, 0, verified.stderr);
  const digest = createHash("sha256").update(read("one/report.json")).digest("hex");
  assert.match(verified.stderr, new RegExp(`run twice, the same report to the byte: sha256 ${digest}`));
  const json = baltoro(...args, "--out", "three", "--json");
  assert.equal(JSON.parse(json.stdout).requests.total, 600);
});

test("without a trace a generated one serves, and the user is told", () => {
  const { status, stdout, stderr } = baltoro("simulate", "--requests", "200");
  assert.equal(status, 0, stderr);
  assert.match(stderr, /no --trace: 200 requests are generated \(--generate chat\)/);
  assert.match(stdout, /10P10D serves generated/);
  assert.ok(existsSync(at("runs-out/simulate-generated-10P10D/report.html")));
});

test("speed, jitter, truncation and coupled clusters reach the report", () => {
  const args = ["--generate", "agent", "--requests", "300", "--speed", "2", "--jitter", "3s", "--until", "20s"];
  const { status, stdout, stderr } = baltoro("simulate", ...args, "--cluster", "4M", "--prefix-caching", "--json");
  assert.equal(status, 0, stderr);
  const { trace, config } = JSON.parse(stdout);
  assert.match(trace.changes.join(), /first \d+ requests,speed 2,jitter 1500 ms, seed 1/);
  assert.equal(config.coupled.prefixCaching, true);
});

test("plan finds the smallest cluster, draws the frontier, and fails with 3 where there is none", () => {
  const args = ["plan", "--requests", "400", "--rate", "2", "--ttft", "30s", "--tbt", "100ms"];
  const { status, stdout, stderr } = baltoro(...args, "--goodput", "95%", "--out", "plan");
  assert.equal(status, 0, stderr);
  const answer = /(\d+P\d+D): (\d+) nodes reach ([\d.]+) %, 95\.0 % were asked for/.exec(stdout);
  assert.ok(answer, stdout);
  const plan = JSON.parse(read("plan/plan.json"));
  assert.equal(plan.answer.cluster, answer[1]);
  assert.ok(plan.answer.goodput >= 0.95);
  for (const point of plan.tried)
    assert.ok(point.nodes >= plan.answer.nodes || point.goodput < 0.95, `${point.cluster} is smaller and enough`);
  assert.match(read("plan/plan.html"), /What each node buys/);
  // What the plan says of its answer is what simulate says.
  const again = baltoro("simulate", ...args.slice(1), "--cluster", plan.answer.cluster, "--json", "--out", "again");
  assert.equal(JSON.parse(again.stdout).attainment.effective, plan.answer.goodput);
  const none = baltoro(...args, "--goodput", "100%", "--max-nodes", "2", "--out", "none");
  assert.equal(none.status, 3, none.stderr);
  assert.match(none.stdout, /no cluster reaches 100\.0 %: the best is 1P1D/);
});

test("trace stats, fit and convert", () => {
  writeFileSync(
    at("azure.csv"),
    `TIMESTAMP,ContextTokens,GeneratedTokens\n${Array.from({ length: 90 }, (_, i) => `2023-11-16 18:${String(10 + Math.floor(i / 60))}:${String(i % 60).padStart(2, "0")}.5000000,${1000 + i},${10 + (i % 7)}`).join("\n")}\n`,
  );
  const stats = baltoro("trace", "stats", "azure.csv");
  assert.equal(stats.status, 0, stats.stderr);
  assert.match(stats.stdout, /azure\.csv \(azure\): 90 requests in 1m 29s/);
  assert.match(stats.stderr, /does not say what its prompts share/);
  const converted = baltoro("trace", "convert", "azure.csv", "--out", "deep/azure.jsonl");
  assert.equal(converted.status, 0, converted.stderr);
  assert.deepEqual(Object.keys(JSON.parse(read("deep/azure.jsonl").split("\n")[0])), [
    "timestamp",
    "input_length",
    "output_length",
    "hash_ids",
  ]);
  const fit = baltoro("trace", "fit", "deep/azure.jsonl", "--out", "azure.json");
  assert.equal(fit.status, 0, fit.stderr);
  assert.match(fit.stdout, /requests per second +1\.\d+ +[01]\.\d+/);
  assert.match(fit.stdout, /infinite-cache hit ratio/);
  const { parameters } = JSON.parse(baltoro("trace", "fit", "deep/azure.jsonl", "--json").stdout);
  assert.deepEqual(JSON.parse(read("azure.json")), parameters);
  const replayed = baltoro("simulate", "--generate", "azure.json", "--cluster", "2P1D", "--json");
  assert.equal(JSON.parse(replayed.stdout).requests.total, 90);
});

test("lenient skips, counts and tells; strict names the line", () => {
  const lines = read("log.jsonl").trim().split("\n").slice(0, 60);
  lines.splice(9, 0, "{broken");
  writeFileSync(at("bad.jsonl"), `${lines.join("\n")}\n`);
  const strict = baltoro("simulate", "--trace", "bad.jsonl", "--cluster", "1P1D");
  assert.equal(strict.status, 1);
  assert.match(strict.stderr, /bad\.jsonl, line 10: not JSON/);
  const lenient = baltoro("simulate", "--trace", "bad.jsonl", "--cluster", "1P1D", "--lenient", "--json");
  assert.equal(lenient.status, 0, lenient.stderr);
  assert.match(lenient.stderr, /skipped: bad\.jsonl, line 10.*\n1 lines were skipped/);
  assert.equal(JSON.parse(lenient.stdout).trace.skippedLines, 1);
});

test("mistakes are told in a line, with what to do", () => {
  writeFileSync(at("prose.md"), "# Notes\n");
  for (const [args, status, message] of [
    [["simulate", "--polcy", "min"], 2, /there is no option --polcy; did you mean --policy\?/],
    [["simulate", "--policy", "mni"], 2, /--policy is mni, expected min, paper, random/],
    [["simulate", "--cluster", "10X"], 2, /--cluster: "10X" is not like 10P10D/],
    [["simulate", "--cluster", "3P1D", "--prefill-group", "2"], 2, /--prefill-group: 2 does not divide the 3/],
    [["simulate", "--ttft", "30"], 2, /--ttft is 30, .* 30s or 30ms/],
    [["simulate", "--tbt", "1ms", "--requests", "10"], 2, /--tbt: 1 ms is below [\d.]+ ms/],
    [["simulate", "--model", "llama9"], 2, /--model: "llama9" is not known; there are llama2-70b/],
    [["simulate", "--hardware", "abacus"], 2, /--hardware: "abacus" is not known; there are a100/],
    [["simulate", "--seed", "-1"], 2, /--seed needs a value; if it begins with a dash: --seed=-1/],
    [["simulate", "--seed=-1"], 2, /--seed is -1, expected a whole number from 0/],
    [["simulate", "--trace"], 2, /--trace needs a value/],
    [["simulate", "log.jsonl"], 2, /"log\.jsonl" stands alone: which option is it for\?/],
    [["simulate", "--trace", "nowhere.jsonl"], 1, /nowhere\.jsonl: there is no such file/],
    [["simulate", "--trace", "prose.md"], 1, /prose\.md, line 1: "# Notes" is no format that is known/],
    [["simulate", "--trace", "log.jsonl", "--rate", "3"], 2, /--rate is for generated traces; --speed/],
    [["simulate", "--trace", "log.jsonl", "--generate", "chat"], 2, /--trace and --generate: which of the two\?/],
    [["simulate", "--trace", "log.jsonl", "--block-size", "256"], 1, /--block-size 512 would fit/],
    [["simulate", "--generate", "nope"], 2, /--generate is nope, expected chat, agent, documents, or a file/],
    [["simulate", "--requests", "10", "--out", "prose.md"], 2, /--out prose\.md cannot be a directory/],
    [["simulate", "--calibration", "prose.md"], 2, /--calibration prose\.md: line 1: there is no column/],
    [["plan", "--goodput", "99"], 2, /--goodput is 99, expected a share as 99% or 0\.99; did you mean 99%\?/],
    [["plan", "--max-nodes", "1"], 2, /--max-nodes is 1, expected a whole number from 2/],
    [["trace"], 2, /trace does nothing by itself: there are stats, fit, generate, convert/],
    [["trace", "sats"], 2, /there is no `trace sats`.*did you mean stats\?/],
    [["trace", "fit"], 2, /trace fit needs a file/],
    [["trace", "fit", "prose.md"], 1, /no format that is known/],
    [["trace", "generate", "--requests", "10", "--out", "prose.md/x"], 1, /prose\.md\/x cannot be written/],
  ] as [string[], number, RegExp][]) {
    const result = baltoro(...args);
    assert.match(result.stderr, message, args.join(" "));
    assert.equal(result.status, status, args.join(" "));
    assert.ok(result.stderr.split("\n").length <= 5, `${args.join(" ")}: ${result.stderr}`);
  }
});

test("help names every option that there is", () => {
  for (const command of ["simulate", "plan"]) {
    const { stdout } = baltoro(command, "--help");
    for (const option of [
      "trace",
      "policy",
      "admission",
      "ttft",
      "tbt",
      "lenient",
      "jitter",
      "role-switching",
      "out",
      "json",
    ])
      assert.match(stdout, new RegExp(`--${option}\\b`), `${command} ${option}`);
  }
});

test("Ctrl-C ends a simulation with the report of what there is, and a plan without one", async () => {
  for (const [command, message] of [
    ["simulate", /stopped after .*when [\d,]+ requests had come/],
    ["plan", /stopped before the answer was found/],
  ] as const) {
    const args = [launcher, command, "--requests", "200000", "--rate", "40", "--out", `stopped-${command}`];
    const child = spawn(process.execPath, [...args, ...(command === "simulate" ? ["--cluster", "30P10D"] : [])], {
      cwd: folder,
      stdio: ["ignore", "pipe", "pipe"],
      // A process group of its own, as a terminal gives a command: Ctrl-C reaches all of it.
      detached: true,
    });
    let output = "";
    let told = false;
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk: Buffer) => {
        output += chunk.toString();
        if (!told && output.includes("no --trace")) {
          told = true;
          // The trace is generated after the message; then the simulation runs for minutes.
          setTimeout(() => process.kill(-(child.pid as number), "SIGINT"), 4000);
        }
      });
    }
    const code = await new Promise((resolve) => child.once("exit", resolve));
    assert.equal(code, 130, output);
    assert.match(output.replaceAll("\n", " "), message);
  }
  assert.match(read("stopped-simulate/report.html"), /badge open">stopped/);
  assert.ok(!existsSync(at("stopped-plan/plan.json")));
});

test("the progress bar: virtual time, requests, speed; never wider than the terminal", () => {
  const state = { atMs: 1_390_000, spanMs: 3_537_000, finished: 4730, total: 12_031 };
  const line = (columns: number, unicode = true) =>
    progressLine("10P10D", state, 1000, { columns, unicode, color: false });
  assert.match(
    line(140),
    /^10P10D {2}━+╸?─+ +39\.3% {2}23m 10s of 58m 57s {2}4,730\/12,031 requests {2}1,390× {2}eta 1\.5s$/,
  );
  for (const columns of [30, 50, 80, 100, 140]) assert.ok(line(columns).length < columns, `${columns}`);
  assert.match(line(80), /23m 10s of 58m 57s/);
  assert.match(line(80, false), /^10P10D {2}\[=+>\.+\]/);
  const first = progressLine("", { ...state, atMs: 0, finished: 0 }, 0, { columns: 120, unicode: true, color: false });
  assert.match(first, /0\.0% .*eta …/);
  assert.ok(!/NaN|Infinity/.test(first));
});
