import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { EventQueue, Links } from "../src/simulator/index.ts";

const linkCount = 8;

/** Max-min fair rates of all flows at once: every link and every limit, from the start. */
function fairRates(capacities: readonly number[], flows: readonly { hops: number[]; limit: number }[]): number[] {
  const rates = flows.map(() => -1);
  while (rates.includes(-1)) {
    let level = Number.POSITIVE_INFINITY;
    for (const [link, capacity] of capacities.entries()) {
      const over = flows.map((flow, f) => ({ flow, f })).filter(({ flow }) => flow.hops.includes(link));
      const open = over.filter(({ f }) => rates[f] < 0).length;
      const taken = over.reduce((sum, { f }) => sum + Math.max(0, rates[f]), 0);
      if (open > 0) level = Math.min(level, (capacity - taken) / open);
    }
    for (const [f, { limit }] of flows.entries()) if (rates[f] < 0) level = Math.min(level, limit);
    const before = [...rates];
    for (const [f, { hops, limit }] of flows.entries()) {
      if (before[f] >= 0) continue;
      const bound = hops.some((link) => {
        const over = flows.map((flow, g) => ({ flow, g })).filter(({ flow }) => flow.hops.includes(link));
        const open = over.filter(({ g }) => before[g] < 0).length;
        const taken = over.reduce((sum, { g }) => sum + Math.max(0, before[g]), 0);
        return (capacities[link] - taken) / open <= level * (1 + 1e-12);
      });
      if (bound || limit <= level) rates[f] = level;
    }
  }
  return rates;
}

const operation = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("start" as const),
      hops: fc.uniqueArray(fc.nat(linkCount - 1), { minLength: 1, maxLength: 3 }),
      limit: fc.option(fc.integer({ min: 1, max: 50 })),
      bytes: fc.integer({ min: 1, max: 10_000 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("end" as const), which: fc.nat() }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("limit" as const),
      which: fc.nat(),
      limit: fc.integer({ min: 1, max: 50 }),
    }),
  },
);

test("rates are max-min fair and no link is above its capacity, whatever starts, ends and changes", () => {
  const capacities = fc.array(fc.integer({ min: 5, max: 100 }), { minLength: linkCount, maxLength: linkCount });
  fc.assert(
    fc.property(capacities, fc.array(operation, { maxLength: 60 }), (capacity, operations) => {
      const links = new Links(capacity, () => {});
      const known = new Map<number, { hops: number[]; limit: number }>();
      let now = 0;
      for (const op of operations) {
        now++;
        const ids = [...known.keys()];
        if (op.kind === "start") {
          const limit = op.limit ?? Number.POSITIVE_INFINITY;
          const [a, b = -1, c = -1] = op.hops;
          known.set(links.start(now, op.bytes, limit, a, b, c), { hops: op.hops, limit });
        } else if (ids.length > 0) {
          const flow = ids[op.which % ids.length];
          if (op.kind === "end") {
            links.end(now, flow);
            known.delete(flow);
          } else {
            links.setLimit(now, flow, op.limit);
            known.set(flow, { hops: links.hopsOf(flow), limit: op.limit });
          }
        }
        links.checkIntegrity();
        const flows = [...known.values()];
        const expected = fairRates(capacity, flows);
        for (const [i, flow] of [...known.keys()].entries()) {
          assert.ok(
            Math.abs(links.rateOf(flow) - expected[i]) <= 1e-6 * expected[i],
            `${links.rateOf(flow)} is not ${expected[i]}`,
          );
        }
      }
    }),
    { numRuns: 300 },
  );
});

test("all bytes arrive, and a link carries no more than its capacity in all", () => {
  const flow = fc.record({
    at: fc.integer({ min: 0, max: 50 }),
    bytes: fc.integer({ min: 1, max: 500 }),
    from: fc.nat(3),
    to: fc.integer({ min: 4, max: 7 }),
  });
  fc.assert(
    fc.property(fc.array(flow, { minLength: 1, maxLength: 30 }), (flows) => {
      const queue = new EventQueue();
      const capacity = 10;
      const links = new Links(Array(linkCount).fill(capacity), (id, end, version) => queue.push(end, 1, id, version));
      for (const [i, { at }] of flows.entries()) queue.push(at, 0, i);
      let ended = 0;
      while (queue.next()) {
        const { now, kind, subject, version } = queue;
        if (kind === 0)
          links.start(now, flows[subject].bytes, Number.POSITIVE_INFINITY, flows[subject].from, flows[subject].to);
        else if (links.isCurrent(subject, version)) {
          links.end(now, subject);
          ended++;
        }
      }
      assert.equal(ended, flows.length);
      const total = flows.reduce((sum, { bytes }) => sum + bytes, 0);
      let carried = 0;
      for (let link = 0; link < linkCount; link++) {
        const bytes = links.bytesOf(queue.now, link);
        assert.ok(bytes <= capacity * queue.now * (1 + 1e-9));
        carried += bytes;
      }
      assert.ok(Math.abs(carried - 2 * total) < 1e-6 * total, `${carried} of ${2 * total} bytes`);
      assert.ok(Math.abs(links.carriedBytes(queue.now) - 2 * total) < 1e-6 * total);
    }),
  );
});

test("bad flows and links are refused", () => {
  assert.throws(() => new Links([1, 0], () => {}), /link 1 has a capacity of 0/);
  const links = new Links([1], () => {});
  assert.throws(() => links.start(0, 0, 1, 0), /a flow of 0 bytes/);
  assert.throws(() => links.start(0, 1, 0, 0), /rate limit of 0/);
});
