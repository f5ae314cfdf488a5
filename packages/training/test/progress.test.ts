import assert from "node:assert/strict";
import { test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import fc from "fast-check";
import { createProgress, formatLogLine, formatProgress, type ProgressState } from "../src/progress/index.ts";

const state: ProgressState = {
  step: 1234,
  steps: 10_000,
  elapsed: 754,
  remaining: 5210,
  loss: 3.2141,
  valLoss: 3.3512,
  tokensPerSecond: 2412.3,
  learningRate: 1.834e-3,
  maxLogit: 34.21,
};
const at = (columns: number, more: Partial<ProgressState> = {}, unicode = true) =>
  formatProgress({ ...state, ...more }, { columns, color: false, unicode });

test("80 columns", () => {
  assert.deepEqual(at(80), [
    "step  1,234/10,000  ━━━━╸────────────────────────────────── 12.3%  eta 1h 27m",
    "loss 3.214 · 2.41k tok/s · lr 1.83e-3 · max logit 34.2 · elapsed 12m 34s",
  ]);
});

test("120 columns show the validation loss as well", () => {
  assert.equal(at(120)[1], "loss 3.214 · val 3.351 · 2.41k tok/s · lr 1.83e-3 · max logit 34.2 · elapsed 12m 34s");
});

test("60 columns and plain ASCII", () => {
  assert.deepEqual(at(60, {}, false), [
    "step  1,234/10,000  [==>..............] 12.3%  eta 1h 27m",
    "loss 3.214 | 2.41k tok/s | lr 1.83e-3 | max logit 34.2",
  ]);
});

test("start and end", () => {
  const unknown = {
    loss: undefined,
    valLoss: undefined,
    tokensPerSecond: undefined,
    learningRate: undefined,
    maxLogit: undefined,
  };
  assert.deepEqual(at(60, { ...unknown, step: 0, elapsed: 0, remaining: undefined }), [
    "step      0/10,000  ───────────────────  0.0%  eta …",
    "elapsed 0.0s",
  ]);
  assert.deepEqual(at(60, { step: 10_000 }), [
    "step 10,000/10,000  ━━━━━━━━━━━━━━━━━━━  100%  took 12m 34s",
    "loss 3.214 · 2.41k tok/s · lr 1.83e-3 · max logit 34.2",
  ]);
  assert.match(at(80, { step: 9999 })[0], / 99\.9% /);
  assert.match(at(80, { loss: Number.NaN })[1], /loss NaN/);
});

test("no line is longer than the terminal, and ASCII is ASCII", () => {
  const number = fc.double({ min: 0, max: 1e15, noDefaultInfinity: true });
  fc.assert(
    fc.property(
      fc.integer({ min: 12, max: 200 }),
      fc.nat(2e6),
      fc.nat(1e6),
      number,
      number,
      fc.boolean(),
      (columns, step, steps, a, b, color) => {
        const values = {
          step,
          steps,
          elapsed: a,
          remaining: b,
          loss: b,
          tokensPerSecond: a,
          learningRate: b,
          maxLogit: a,
        };
        for (const unicode of [true, false]) {
          for (const line of formatProgress(values, { columns, color, unicode })) {
            const text = stripVTControlCharacters(line);
            assert.ok(text.length < columns, `${text.length} of ${columns}: ${text}`);
            if (!unicode) assert.match(text, /^[\x20-\x7e]*$/);
            if (!color) assert.equal(text, line);
          }
        }
      },
    ),
  );
});

test("a line for logs", () => {
  assert.equal(
    formatLogLine(state),
    "step 1,234/10,000 (12.3%) · loss 3.214 · val 3.351 · 2.41k tok/s · lr 1.83e-3 · max logit 34.2 · elapsed 12m 34s · eta 1h 27m",
  );
});

/** A terminal that knows what the display uses: line feed, return, up, clear to the end of line and screen. */
function fakeTerminal(columns = 60) {
  const rows = [""];
  let [row, column] = [0, 0];
  let writes = 0;
  return {
    isTTY: true,
    columns,
    get rows() {
      return rows.map((text) => text.trimEnd());
    },
    get writes() {
      return writes;
    },
    write(text: string) {
      writes++;
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what a terminal is made of
      for (const [part] of text.matchAll(/\x1b\[\d*[A-Za-z]|[^\x1b]/g)) {
        if (part === "\n") {
          row++;
          column = 0;
          rows[row] ??= "";
        } else if (part === "\r") column = 0;
        else if (part === "\x1b[1A") row--;
        else if (part === "\x1b[K") rows[row] = rows[row].slice(0, column);
        else if (part === "\x1b[J") rows.splice(row, rows.length, rows[row].slice(0, column));
        else if (!part.startsWith("\x1b")) {
          rows[row] = rows[row].slice(0, column).padEnd(column) + part + rows[row].slice(column + 1);
          column++;
        }
      }
    },
  };
}

function clock() {
  let time = 0;
  return {
    now: () => time,
    pass: (seconds: number) => {
      time += seconds * 1000;
    },
  };
}

test("a frame overwrites the one before in a single write; lines printed meanwhile stand above", () => {
  const stream = fakeTerminal();
  const { now, pass } = clock();
  const progress = createProgress({ stream, now, environment: { TERM: "xterm", NO_COLOR: "1" } });
  progress.log("before");
  for (let step = 1; step <= 50; step++) {
    progress.update({ step, steps: 100, loss: 5 - step / 100 });
    pass(1);
    if (step === 20) progress.log("checkpoint written");
  }
  assert.equal(stream.writes, 52);
  assert.deepEqual(stream.rows, [
    "before",
    "checkpoint written",
    "step  50/100  ━━━━━━━━━━━━╸──────────── 50.0%  eta 50s",
    "loss 4.500 · elapsed 49s",
  ]);
  progress.finish();
  progress.log("after");
  progress.update({ step: 51, steps: 100 });
  assert.deepEqual(stream.rows.slice(2), [
    "step  50/100  ━━━━━━━━━━━━╸──────────── 50.0%  eta 50s",
    "loss 4.500 · elapsed 49s",
    "after",
    "",
  ]);
});

test("a terminal is drawn at most ten times a second", () => {
  const stream = fakeTerminal();
  const { now, pass } = clock();
  const progress = createProgress({ stream, now, environment: {} });
  for (let step = 1; step <= 1000; step++) {
    progress.update({ step, steps: 1000 });
    pass(0.001);
  }
  assert.ok(stream.writes <= 11, `${stream.writes}`);
});

test("the remaining time follows the recent pace, not the slow start", () => {
  const stream = fakeTerminal(80);
  const { now, pass } = clock();
  const progress = createProgress({ stream, now, environment: {} });
  progress.update({ step: 0, steps: 1000 });
  pass(500);
  for (let step = 1; step <= 200; step++) {
    progress.update({ step, steps: 1000 });
    pass(1);
  }
  assert.match(stripVTControlCharacters(stream.rows[0]), /eta 13m 20s/);
});

test("where the stream is no terminal: a plain line every few seconds, and the last state", () => {
  const { now, pass } = clock();
  let text = "";
  const stream = {
    write: (part: string) => {
      text += part;
    },
  };
  const progress = createProgress({ stream, now, everySeconds: 10, environment: {} });
  for (let step = 1; step <= 25; step++) {
    progress.update({ step, steps: 25, loss: 1 });
    pass(1);
  }
  progress.finish();
  progress.finish();
  const lines = text.trimEnd().split("\n");
  assert.deepEqual(
    lines.map((line) => line.split(" ")[1]),
    ["1/25", "11/25", "21/25", "25/25"],
  );
  assert.ok(!text.includes("\x1b"));
});

test("colour unless NO_COLOR is set or the terminal is dumb", () => {
  const output = (environment: Record<string, string>) => {
    let text = "";
    const stream = {
      isTTY: true,
      columns: 80,
      write: (part: string) => {
        text += part;
      },
    };
    createProgress({ stream, environment }).update({ step: 1, steps: 2, loss: 1 });
    return text;
  };
  assert.ok(output({ TERM: "xterm" }).includes("\x1b[36m"));
  assert.ok(output({ TERM: "xterm", NO_COLOR: "" }).includes("\x1b[36m"));
  assert.ok(!output({ TERM: "xterm", NO_COLOR: "1" }).includes("[36m"));
  assert.ok(!output({ TERM: "dumb" }).includes("\x1b"));
  assert.match(output({ TERM: "xterm", LANG: "C", NO_COLOR: "1" }), /\[=+>?\.*\]/);
});
