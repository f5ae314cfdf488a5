import assert from "node:assert/strict";
import { test } from "node:test";
import { Problem } from "../src/api/problem.ts";
import type { Delta } from "../src/api/types.ts";
import { readConversation } from "../src/chat/conversation.ts";
import { readPieces } from "../src/chat/draft.ts";
import { followStream, type Progress } from "../src/chat/generation.ts";
import { formatCount } from "../src/chat/model-card.ts";
import { defaultSettings, parseStops, readSettings, toSampling } from "../src/chat/settings.ts";
import { figuresOf } from "../src/chat/stats.ts";
import { pageOf, pages } from "../src/shell/pages.ts";
import { alternativesOf, formatProbability, perplexityOf, shadeOf, visibleText } from "../src/text/probability.ts";

const token = (text: string, logprob = -1) => ({ text, logprob, top: [] });

/** A stream that takes `steps` milliseconds for each delta, on a clock of its own. */
function timed(deltas: readonly Delta[], step = 100) {
  let now = 0;
  const open = async function* () {
    for (const delta of deltas) {
      now += step;
      yield delta;
    }
  };
  return { open, clock: () => now };
}

test("a generation counts its tokens and takes its times", async () => {
  const deltas: Delta[] = [
    { text: "", tokens: [] },
    { text: "a", tokens: [token("a")] },
    { text: "b", tokens: [token("b")] },
    { text: "c", tokens: [token("c")], finish: "length" },
    { text: "", tokens: [], usage: { promptTokens: 5, completionTokens: 3 } },
  ];
  const { open, clock } = timed(deltas);
  const states: Progress["state"][] = [];
  const last = await followStream(open, new AbortController().signal, ({ state }) => states.push(state), clock);
  assert.deepEqual(states, ["waiting", "waiting", "streaming", "streaming", "streaming", "streaming", "done"]);
  assert.equal(last.timeToFirstToken, 0.2);
  assert.equal(last.tokensPerSecond, 10);
  assert.deepEqual([last.promptTokens, last.completionTokens, last.finish], [5, 3, "length"]);
  assert.equal(last.pieces.map(({ text }) => text).join(""), "abc");
});

test("a generation that breaks keeps what came; one that is stopped is no failure", async () => {
  const broken = async function* (): AsyncGenerator<Delta> {
    yield { text: "a", tokens: [] };
    throw new Problem("cut", "gone");
  };
  const failed = await followStream(broken, new AbortController().signal, () => {});
  assert.deepEqual([failed.state, failed.problem?.kind, failed.pieces.length], ["failed", "cut", 1]);

  const abort = new AbortController();
  const stopped = await followStream(broken, abort.signal, ({ pieces }) => pieces.length > 0 && abort.abort());
  assert.deepEqual([stopped.state, stopped.problem], ["stopped", undefined]);
});

test("figures say what there is", () => {
  const progress: Progress = { state: "done", pieces: [], tokens: [token("a", -Math.LN2)], completionTokens: 1 };
  const values = figuresOf({ ...progress, timeToFirstToken: 0.0304, promptTokens: 9, finish: "length" }, 512);
  assert.deepEqual(
    values.map(([name, value]) => `${name}: ${value}`),
    ["First token: 30 ms", "Tokens: 9 + 1 of 512", "Perplexity: 2.0", "Ended: at the limit"],
  );
});

test("settings that make no sense are named with their field", () => {
  assert.deepEqual(toSampling(defaultSettings), {
    ok: true,
    sampling: { temperature: 0.8, topP: 0.95, maxTokens: 128, stop: [] },
  });
  const wrong: [keyof typeof defaultSettings, string][] = [
    ["temperature", "3"],
    ["temperature", "x"],
    ["topP", "0"],
    ["maxTokens", "0"],
    ["maxTokens", "1.5"],
    ["maxTokens", ""],
    ["seed", "?"],
    ["seed", "-1"],
    ["seed", "1e300"],
  ];
  for (const [field, value] of wrong) {
    const result = toSampling({ ...defaultSettings, [field]: value });
    assert.equal(result.ok ? "taken" : result.field, field, `${field} = ${value}`);
  }
  const seeded = toSampling({ ...defaultSettings, seed: "42" });
  assert.equal(seeded.ok && seeded.sampling.seed, 42);
});

test("stop strings are lines with escapes", () => {
  assert.deepEqual(parseStops("\\n\\n\nThe end\n\n\\\\n"), ["\n\n", "The end", "\\n"]);
});

test("what was stored is read with care", () => {
  assert.deepEqual(readSettings("nonsense"), defaultSettings);
  assert.deepEqual(readSettings({ seed: "5", topP: 3 }), { ...defaultSettings, seed: "5" });
  assert.deepEqual(readPieces([{ text: "a", by: "user" }, { text: 5, by: "user" }, null, { text: "b", by: "x" }]), [
    { text: "a", by: "user" },
  ]);
  const kept = [{ text: "a", by: "model", tokens: [{ text: "a", logprob: -1, top: [{ text: "b", logprob: -2 }] }] }];
  assert.deepEqual(readPieces(JSON.parse(JSON.stringify(kept))), kept);
  const turn = { role: "user", pieces: [{ text: "a", by: "user" }] };
  assert.deepEqual(readConversation([turn, { role: "system", pieces: [] }, 7]), [turn]);
});

test("probabilities for people", () => {
  const percents = [1, 0.9999, 0.997, 0.43, 0.051, 0.0012, 1e-7].map((p) => formatProbability(Math.log(p)));
  assert.deepEqual(percents, ["100 %", "100 %", "99.7 %", "43 %", "5.1 %", "0.12 %", "< 0.01 %"]);
  assert.equal(shadeOf([token("a", 0)]), 0);
  assert.equal(shadeOf([token("a", -Math.LN2), token("b", -Math.LN2)]), 0.2);
  assert.equal(shadeOf([token("a", -50)]), 1);
  assert.equal(perplexityOf([]), undefined);
  assert.equal(perplexityOf([token("a", -Math.log(8)), token("b", -Math.log(2))])?.toFixed(6), "4.000000");
});

test("the token that was drawn is among its alternatives, once", () => {
  const top = [
    { text: "x", logprob: Math.log(0.5) },
    { text: "y", logprob: Math.log(0.25) },
  ];
  const outside = alternativesOf({ text: "z", logprob: Math.log(0.05), top });
  assert.deepEqual(
    outside.rows.map(({ text, chosen }) => [text, chosen]),
    [
      ["x", false],
      ["y", false],
      ["z", true],
    ],
  );
  assert.ok(Math.abs(outside.rest - 0.2) < 1e-12);
  const inside = alternativesOf({ ...top[1], top });
  assert.deepEqual(
    inside.rows.map(({ chosen }) => chosen),
    [false, true],
  );
  const parts = [
    { text: "\uFFFD", logprob: -0.5 },
    { text: "\uFFFD", logprob: -2 },
  ];
  const part = alternativesOf({ ...parts[1], top: parts });
  assert.deepEqual(
    part.rows.map(({ chosen }) => chosen),
    [false, true],
    "parts of characters look alike",
  );
});

test("blanks and what could deceive the eye are made visible", () => {
  assert.equal(visibleText(" a\n\t"), "␣a↵⇥");
  assert.equal(visibleText("\u202Ex\u0000"), "U+202ExU+0000");
  assert.equal(visibleText(""), "∅");
});

test("counts and pages", () => {
  assert.deepEqual([999, 11_534_336, 1_040_000_000_000, 128_000].map(formatCount), ["999", "11.5 M", "1.0 T", "128 K"]);
  assert.equal(pageOf("#/chat").id, "chat");
  assert.equal(pages[0].id, "assistant", "the start page");
  assert.equal(pageOf("#/nowhere"), pages[0]);
  assert.equal(pageOf(""), pages[0]);
  const more = [...pages, { ...pages[0], id: "runs" }];
  assert.equal(pageOf("#/runs/7", more), more.at(-1));
  assert.equal(new Set(pages.map(({ id }) => id)).size, pages.length);
});
