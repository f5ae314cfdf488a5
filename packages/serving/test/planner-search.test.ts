/** The search for the smallest cluster, on clusters whose goodput is known. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Evaluate, type Plan, planCluster, planHtml, planRows, planSentence } from "../src/planner/index.ts";

/** A cluster that needs `prefill` and `decode` nodes for all requests, and serves what its scarcer part serves. */
function needing(prefill: number, decode: number, ceiling = 1): { evaluate: Evaluate; runs: string[] } {
  const runs: string[] = [];
  return {
    runs,
    evaluate: async (cluster) => {
      runs.push(cluster);
      const split = /^(\d+)P(\d+)D$/.exec(cluster);
      const [p, d] = split
        ? [Number(split[1]), Number(split[2])]
        : [Number.parseInt(cluster, 10) / 2, Number.parseInt(cluster, 10) / 2];
      const [ttft, tbt] = [Math.min(ceiling, p / prefill), Math.min(1, d / decode)];
      return { goodput: Math.min(ttft, tbt), ttft, tbt, rejected: 0, ttftP90Ms: 1000, tbtP90Ms: 50 };
    },
  };
}

/** The smallest cluster by trying all. */
function exhaustive(prefill: number, decode: number, target: number): number {
  for (let nodes = 2; ; nodes++) {
    for (let p = 1; p < nodes; p++) if (Math.min(p / prefill, (nodes - p) / decode) >= target - 1e-12) return nodes;
  }
}

test("the smallest cluster and its split", async () => {
  const { evaluate, runs } = needing(10, 4);
  const { answer, frontier, tried, ended } = await planCluster(evaluate, { target: 1 });
  assert.equal(answer?.cluster, "10P4D");
  assert.equal(ended, "found");
  assert.equal(tried.length, runs.length);
  assert.equal(new Set(runs).size, runs.length, "nothing is run twice");
  assert.ok(runs.length < 30, `${runs.length} runs`);
  assert.ok(frontier.every(({ nodes }, i) => i === 0 || nodes > frontier[i - 1].nodes));
});

test("for any need it finds what trying all finds, in few runs", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 60 }),
      fc.integer({ min: 1, max: 60 }),
      fc.constantFrom(0.5, 0.9, 0.99, 1),
      async (prefill, decode, target) => {
        const { evaluate, runs } = needing(prefill, decode);
        const { answer } = await planCluster(evaluate, { target });
        assert.equal(answer?.nodes, exhaustive(prefill, decode, target));
        assert.ok(answer !== null && answer.goodput >= target);
        assert.ok(runs.length <= 110, `${runs.length} runs for ${prefill}P${decode}D`);
      },
    ),
    { numRuns: 100 },
  );
});

test("prefill groups stay whole, and a coupled cluster has no split", async () => {
  const grouped = await planCluster(needing(10, 4).evaluate, { target: 1, prefillGroup: 4 });
  assert.equal(grouped.answer?.cluster, "12P4D");
  assert.ok(grouped.tried.every(({ shape }) => shape.prefill % 4 === 0));
  const coupled = await planCluster(needing(5, 5).evaluate, { target: 1, coupled: true });
  assert.equal(coupled.answer?.cluster, "10M");
});

test("a target out of reach ends the search, and the sentence says why", async () => {
  const { evaluate, runs } = needing(10, 4, 0.97);
  const saturated = await planCluster(evaluate, { target: 0.99 });
  assert.equal(saturated.answer, null);
  assert.equal(saturated.ended, "saturated");
  assert.ok(
    runs.every((cluster) => Number.parseInt(cluster, 10) <= 128),
    "it does not go on for ever",
  );
  assert.match(
    planSentence(saturated),
    /no cluster reaches 99\.0 %: the best is .* with 97\.0 %; more nodes do not help any more: 3\.0 % miss TTFT/,
  );
  const few = await planCluster(needing(10, 4).evaluate, { target: 0.99, maxNodes: 6 });
  assert.equal(few.ended, "max-nodes");
  assert.match(planSentence(few), /as many nodes as were allowed \(--max-nodes\)/);
});

test("a cluster that is far too small to serve anyone is not taken for one that nothing helps", async () => {
  const { answer } = await planCluster(
    async (cluster) => {
      const nodes = Number.parseInt(cluster, 10);
      const enough = nodes >= 41;
      return { goodput: enough ? 1 : 0, ttft: 0, tbt: 0, rejected: 0, ttftP90Ms: 1e7 / nodes, tbtP90Ms: 50 };
    },
    { target: 0.9, coupled: true },
  );
  assert.equal(answer?.cluster, "41M");
});

test("a target or a bound that cannot be is refused", async () => {
  const { evaluate } = needing(1, 1);
  await assert.rejects(planCluster(evaluate, { target: 0 }), /target is 0/);
  await assert.rejects(planCluster(evaluate, { target: 1.2 }), /target is 1.2/);
  await assert.rejects(
    planCluster(evaluate, { target: 1, maxNodes: 1 }),
    /at most 1 nodes, but the smallest cluster has 2/,
  );
});

test("the page and the rows show the answer, and escape what they are given", async () => {
  const plan: Plan = await planCluster(needing(6, 3).evaluate, { target: 0.95 });
  const html = planHtml(plan, {
    trace: "<log>",
    model: "llama3-70b",
    hardware: "a800",
    ttftLimitMs: 30_000,
    tbtLimitMs: 100,
    settings: { policy: "min" },
    command: "npx baltoro plan --trace '<log>'",
  });
  assert.match(html, /<title>6P3D for &#60;log&#62;<\/title>/);
  assert.match(html, /target 95\.0 %/);
  assert.match(html, /Splits of 9 nodes/);
  assert.ok(!/NaN|undefined|Infinity|<log>/.test(html));
  assert.ok(!/https?:\/\/(?!www\.w3\.org\/2000\/svg)|<link|src=|@import|url\((?!#)/.test(html), "nothing is fetched");
  const { header, rows } = planRows(plan);
  assert.ok(rows.every((row) => row.length === header.length));
  assert.equal(rows.filter((row) => row.at(-1) === "← the smallest").length, 1);
});
