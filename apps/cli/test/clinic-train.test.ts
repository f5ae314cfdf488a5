/** The command as a hospital runs it. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

// The launcher leaves Ctrl-C to the process group; the program itself is what is interrupted here.
const program = join(import.meta.dirname, "../src/main.ts");
const folder = mkdtempSync(join(tmpdir(), "baltoro-clinic-train-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the command; `interrupt` sends Ctrl-C when the output matches. */
function baltoro(
  args: readonly string[],
  interrupt?: RegExp,
): Promise<{ status: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [program, "clinic", "train", ...args], { timeout: 240_000 });
  let [out, err] = ["", ""];
  let sent = false;
  child.stdout.on("data", (chunk) => {
    out += chunk;
    if (!interrupt?.test(out) || sent) return;
    sent = true;
    child.kill("SIGINT");
  });
  child.stderr.on("data", (chunk) => {
    err += chunk;
  });
  return new Promise((resolve) => child.on("close", (status) => resolve({ status, out, err })));
}

const rows = Array.from({ length: 130 }, (_, i) => {
  const pneumonia = i % 2 === 0;
  const crp = pneumonia ? 40 + (i % 30) : 1 + (i % 5);
  const text = `患儿，${1 + (i % 8)}岁，咳嗽${1 + (i % 5)}天，${pneumonia ? "双肺可闻及湿啰音" : "双肺呼吸音清"}，CRP ${crp}mg/L，第${i}例。`;
  return `${i},"${text}",${pneumonia ? "支气管肺炎" : "急性上呼吸道感染"}`;
});
const data = join(folder, "notes.csv");
writeFileSync(data, `id,text,diagnosis\n${rows.join("\n")}\n131,"no diagnosis here"\n`);

test("trains on a hospital's CSV, stops on Ctrl-C, goes on, and reports on notes kept back", async () => {
  const out = join(folder, "model");
  const stopped = await baltoro(["--data", data, "--out", out, "--threads", "1"], /validation/);
  assert.equal(stopped.status, 130, stopped.err);
  assert.match(stopped.out, /go on with the same command and --resume/);
  assert.ok(existsSync(join(out, "checkpoint.safetensors")));
  const { status, out: text, err } = await baltoro(["--data", data, "--out", out, "--threads", "1", "--resume"]);
  assert.equal(status, 0, err);
  assert.match(err, /notes\.csv, line 132: 2 cells, the header has 3/);
  assert.match(text, /130 notes read/);
  assert.match(text, /pneumonia/i);
  assert.ok(!existsSync(join(out, "checkpoint.safetensors")));
  assert.match(readFileSync(join(out, "README.md"), "utf8"), /one institution's own notes/);
});

test("says what is wrong", async () => {
  const few = join(folder, "few.jsonl");
  writeFileSync(few, `${JSON.stringify({ text: "cough", labels: ["rti"] })}\n`);
  const cases: [string[], RegExp][] = [
    [["--data", few], /1 usable notes are too few to train on: at least 60/],
    [["--data", join(folder, "none")], /there is no such file or directory/],
    [["--data", few, "--resume", "--minutes", "1"], /--resume and --minutes do not go together/],
    [["--data", few, "--seed", "x"], /--seed is x/],
  ];
  for (const [args, pattern] of cases) {
    const { status, err } = await baltoro(args);
    assert.notEqual(status, 0);
    assert.match(err, pattern);
  }
});
