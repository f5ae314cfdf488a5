import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { EventQueue } from "../src/simulator/index.ts";

test("events come in order of time, equal times in order of insertion, and time never goes backwards", () => {
  const operations = fc.array(fc.option(fc.integer({ min: 0, max: 20 })), { maxLength: 300 });
  fc.assert(
    fc.property(operations, (list) => {
      const queue = new EventQueue(2);
      const expected: { at: number; id: number }[] = [];
      let id = 0;
      let now = 0;
      const take = () => {
        const first = expected.reduce<{ at: number; id: number } | null>(
          (best, e) => (best && (best.at < e.at || (best.at === e.at && best.id < e.id)) ? best : e),
          null,
        );
        assert.equal(queue.next(), first !== null);
        if (!first) return;
        expected.splice(expected.indexOf(first), 1);
        assert.deepEqual([queue.now, queue.subject], [first.at, first.id]);
        assert.ok(queue.now >= now);
        now = queue.now;
      };
      for (const delay of list) {
        if (delay === null) take();
        else {
          queue.push(now + delay, 3, id, 7);
          expected.push({ at: now + delay, id: id++ });
        }
      }
      while (expected.length > 0) take();
      assert.equal(queue.next(), false);
    }),
  );
});

test("an event in the past, or at no time, is refused", () => {
  const queue = new EventQueue();
  queue.push(5, 0, 0);
  queue.next();
  assert.throws(() => queue.push(4.9, 0, 0), /4.9 ms cannot be put in at 5 ms: time never goes backwards/);
  assert.throws(() => queue.push(Number.NaN, 0, 0), RangeError);
});
