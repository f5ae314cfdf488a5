import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DecodeBatch } from "../src/simulator/decode-batch.ts";
import { DecodeInstance } from "../src/simulator/decode-instance.ts";
import { EventQueue } from "../src/simulator/event-queue.ts";
import { Histogram } from "../src/simulator/histogram.ts";
import { createJob, type Job } from "../src/simulator/job.ts";
import { longestTenthMean } from "../src/simulator/tail-mean.ts";
import { plainCost } from "./simulator-parts.ts";

const arrival = fc.record({
  at: fc.integer({ min: 0, max: 2000 }),
  input: fc.integer({ min: 1, max: 300 }),
  output: fc.integer({ min: 2, max: 60 }),
});
// Of two that come at one moment the first would begin a step alone: each has a moment of its own.
const arrivals = fc
  .uniqueArray(arrival, { minLength: 1, maxLength: 25, selector: ({ at }) => at })
  .map((list) => list.toSorted((a, b) => a.at - b.at));

function jobOf({ at, input, output }: { at: number; input: number; output: number }, id: number): Job {
  const request = { id, arrivalMs: at, inputTokens: input, outputTokens: output, blocks: new Uint32Array() };
  return Object.assign(createJob(request, at), { generated: 1, firstTokenMs: at, lastTokenMs: at });
}

function tailOf(values: readonly number[]): number {
  const longest = values.toSorted((a, b) => b - a).slice(0, Math.ceil(values.length / 10));
  return longest.reduce((sum, value) => sum + value, 0) / longest.length;
}

test("the mean of the longest tenth is that of sorting", () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 100, noNaN: true }), { minLength: 1, maxLength: 300 }), (values) => {
      const found = longestTenthMean(Float64Array.from(values), values.length);
      assert.ok(Math.abs(found - tailOf(values)) < 1e-9);
    }),
  );
  assert.throws(() => longestTenthMean(new Float64Array(), 0), RangeError);
});

/** Token by token, as plainly as can be. */
function referenceDecode(
  list: readonly { at: number; input: number; output: number }[],
  maxBatch: number,
  capacity: number,
) {
  const cost = plainCost();
  const waiting = list.map((item, id) => ({ ...item, id, generated: 1, intervals: [] as number[], last: item.at }));
  const ended = new Map<number, { endMs: number; tbt: number }>();
  let batch: typeof waiting = [];
  let now = 0;
  const context = () => batch.reduce((sum, job) => sum + job.input + job.generated, 0);
  const fits = (own: number) =>
    batch.length === 0 || (batch.length < maxBatch && context() + batch.length + own + 1 <= capacity * 0.99);
  while (waiting.length > 0 || batch.length > 0) {
    while (waiting.length > 0 && waiting[0].at <= now + 1e-9 && fits(waiting[0].input + waiting[0].generated)) {
      batch.push(waiting.shift() as (typeof waiting)[number]);
    }
    if (batch.length === 0) {
      now = waiting[0].at;
      continue;
    }
    now += cost.stepMs(0, 0, batch.length, context());
    for (const job of batch) {
      job.generated++;
      job.intervals.push(now - job.last);
      job.last = now;
    }
    for (const job of batch)
      if (job.generated === job.output) ended.set(job.id, { endMs: now, tbt: tailOf(job.intervals) });
    batch = batch.filter((job) => job.generated < job.output);
    while (context() + batch.length > capacity) {
      // The waiting queue is in order of arrival: the one that is put out goes to its front.
      waiting.unshift(batch.pop() as (typeof waiting)[number]);
      waiting[0].at = now;
    }
  }
  return ended;
}

test("jumping from change to change gives what decoding token by token gives", () => {
  fc.assert(
    fc.property(
      arrivals,
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 400, max: 1500 }),
      (list, maxBatch, capacity) => {
        const queue = new EventQueue();
        const ended = new Map<number, { endMs: number; tbt: number }>();
        const batch = new DecodeBatch(new Histogram(), { values: new Float64Array(1) });
        const instance: DecodeInstance = new DecodeInstance(
          batch,
          plainCost({ kvCapacityTokens: capacity }),
          maxBatch,
          {
            schedule: (at, version) => queue.push(at, 1, 0, version),
            finished: (job, endMs, tbt) => ended.set(job.request.id, { endMs, tbt: tbt as number }),
            preempted: () => {},
          },
        );
        const jobs = list.map(jobOf);
        for (const [i, { at }] of list.entries()) queue.push(at, 0, i);
        while (queue.next()) {
          if (queue.kind === 0) instance.arrive(jobs[queue.subject], queue.now);
          else instance.wake(queue.now, queue.version);
          batch.checkIntegrity();
        }
        const expected = referenceDecode(list, maxBatch, capacity);
        assert.equal(ended.size, list.length);
        for (const [id, { endMs, tbt }] of expected) {
          assert.ok(
            Math.abs((ended.get(id)?.endMs ?? 0) - endMs) < 1e-6,
            `job ${id} ends at ${ended.get(id)?.endMs}, not ${endMs}`,
          );
          assert.ok(
            Math.abs((ended.get(id)?.tbt ?? 0) - tbt) < 1e-6,
            `job ${id} has a TBT of ${ended.get(id)?.tbt}, not ${tbt}`,
          );
        }
      },
    ),
    { numRuns: 300 },
  );
});

test("a histogram's quantiles are within 1%", () => {
  const histogram = new Histogram();
  assert.equal(histogram.quantile(0.5), null);
  histogram.addProgression(10, 0.5, 181, 3);
  const expected = 10 + 0.5 * 90;
  assert.ok(Math.abs((histogram.quantile(0.5) ?? 0) - expected) < 0.02 * expected);
  assert.equal(histogram.count, 543);
  assert.ok(Math.abs((histogram.mean ?? 0) - expected) < 1e-9);
  assert.equal(histogram.max, 100);
});
