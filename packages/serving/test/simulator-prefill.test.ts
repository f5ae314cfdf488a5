import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { EventQueue } from "../src/simulator/event-queue.ts";
import { createJob, type Job } from "../src/simulator/job.ts";
import { PrefillInstance, type PrefillOptions } from "../src/simulator/prefill-instance.ts";
import { plainCost } from "./simulator-parts.ts";

interface Prompt {
  readonly at: number;
  readonly tokens: number;
}

const prompts = fc
  .array(fc.record({ at: fc.integer({ min: 0, max: 300 }), tokens: fc.integer({ min: 1, max: 100 }) }), {
    minLength: 1,
    maxLength: 20,
  })
  .map((list) => list.toSorted((a, b) => a.at - b.at));

/** Runs prompts through an instance. @returns start and end of each, in the order in which they began. */
function runPrefills(
  list: readonly Prompt[],
  options: PrefillOptions,
  slope = 0,
): { id: number; startMs: number; endMs: number }[] {
  const queue = new EventQueue();
  const jobs: Job[] = list.map(({ at, tokens }, id) =>
    Object.assign(
      createJob({ id, arrivalMs: at, inputTokens: tokens, outputTokens: 1, blocks: new Uint32Array() }, at),
      { slot: id },
    ),
  );
  const begun: { id: number; startMs: number; endMs: number }[] = [];
  const cost = plainCost({ stepMs: (n, prefix) => n * (1 + slope * (prefix + n / 2)) });
  const instance = new PrefillInstance(cost, options, {
    scheduleFree: (at) => queue.push(at, 1, 0),
    scheduleComputed: (at, job) => queue.push(at, 2, job.slot),
    begin: (job) => {
      job.computedTokens = job.request.inputTokens;
    },
    began: (job, startMs) => begun.push({ id: job.request.id, startMs, endMs: Number.NaN }),
  });
  for (const [i, { at }] of list.entries()) queue.push(at, 0, i);
  while (queue.next()) {
    if (queue.kind === 0) instance.add(jobs[queue.subject], queue.now);
    else if (queue.kind === 1) instance.free(queue.now);
    else {
      const done = begun.find(({ id }) => id === queue.subject);
      if (done) done.endMs = queue.now;
      instance.release(jobs[queue.subject], queue.now);
    }
  }
  assert.equal(instance.length, 0);
  return begun;
}

test("an instance of one node serves first come first served, and is never idle while there is work", () => {
  fc.assert(
    fc.property(prompts, (list) => {
      let free = 0;
      for (const [i, { id, startMs, endMs }] of runPrefills(list, {
        stages: 1,
        chunkTokens: 10,
        layerwise: true,
      }).entries()) {
        assert.equal(id, i);
        assert.equal(startMs, Math.max(free, list[i].at));
        assert.equal(endMs, startMs + list[i].tokens);
        free = endMs;
      }
    }),
  );
});

test("a chunked pipeline ends each prompt when a flow shop of its chunks does", () => {
  const stagesAndChunk = fc.record({
    stages: fc.integer({ min: 2, max: 5 }),
    chunkTokens: fc.integer({ min: 5, max: 40 }),
  });
  fc.assert(
    fc.property(prompts, stagesAndChunk, fc.constantFrom(0, 0.01), (list, { stages, chunkTokens }, slope) => {
      const done = Array(stages).fill(0);
      const found = runPrefills(list, { stages, chunkTokens, layerwise: true }, slope);
      for (const [i, { at, tokens }] of list.entries()) {
        for (let prefix = 0; prefix < tokens; prefix += chunkTokens) {
          const size = Math.min(chunkTokens, tokens - prefix);
          const ms = (size * (1 + slope * (prefix + size / 2))) / stages;
          for (let stage = 0; stage < stages; stage++)
            done[stage] = Math.max(done[stage], stage === 0 ? at : done[stage - 1]) + ms;
        }
        assert.equal(found[i].id, i);
        assert.ok(
          Math.abs(found[i].endMs - done[stages - 1]) < 1e-6,
          `prompt ${i} ends at ${found[i].endMs}, not ${done[stages - 1]}`,
        );
      }
    }),
  );
});
