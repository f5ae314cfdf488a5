import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Decision, type Tier, tiers } from "../src/conductor/index.ts";
import {
  applyEvent,
  type ClusterView,
  checkView,
  conductorId,
  createView,
  overdueRequests,
  replayLog,
  type ViewEvent,
  viewState,
} from "../src/view/index.ts";

const options = { blockTokens: 16, kvBytesPerToken: 100 };

function decisionOf(request: number, prefill: number, decode: number, from = -1): Decision {
  const transferTokens = from >= 0 && from !== prefill ? 32 : 0;
  return {
    kind: "decision",
    request,
    prefill,
    decode,
    transfers: transferTokens ? [{ from, to: prefill, firstBlock: 0, blockCount: 2, tokens: transferTokens }] : [],
    terms: {
      policy: "min",
      admission: "none",
      inputTokens: 40 + request,
      localPrefixTokens: 0,
      bestPrefixTokens: transferTokens,
      bestWorker: from,
      prefixTokens: transferTokens,
      transferTokens,
      queueMs: 0,
      transferMs: transferTokens ? 5 : 0,
      prefillMs: 30 + request / 8,
      ttftForm: "overlap",
      ttftMs: 40,
      handoffMs: 2,
      decodeBatch: 1,
      decodeContextTokens: 40,
      tbtMs: 10,
      decodeAtMs: 0,
      prefillLoad: 0,
      decodeLoad: 0,
      outputTokens: 64,
      ttftLimitMs: 1000,
      tbtLimitMs: 100,
    },
  };
}

/** A cluster's workers as they are: they number their events, and know what they hold. */
function simulate(steps: readonly Step[]): { log: ViewEvent[]; held: Map<number, Map<number, Set<Tier>>> } {
  const log: ViewEvent[] = [];
  const held = new Map<number, Map<number, Set<Tier>>>();
  const next = new Map<number, number>();
  let atMs = 0;
  const head = (worker: number) => {
    const sequence = next.get(worker) ?? 0;
    next.set(worker, sequence + 1);
    return { worker, sequence, atMs };
  };
  for (let worker = 0; worker < 3; worker++) {
    held.set(worker, new Map());
    log.push({ kind: "joined", role: "both", ...head(worker) });
  }
  const states = new Map<number, { prefill: number; decode: number; stage: number }>();
  let requests = 0;
  for (const step of steps) {
    atMs += 1;
    const { worker } = step;
    const own = held.get(worker) as Map<number, Set<Tier>>;
    if (step.op === "store") {
      log.push({ kind: "stored", blocks: step.blocks, tier: step.tier, ...head(worker) });
      for (const block of step.blocks) own.set(block, (own.get(block) ?? new Set()).add(step.tier));
    } else if (step.op === "remove") {
      log.push({ kind: "removed", blocks: step.blocks, tier: step.tier, ...head(worker) });
      for (const block of step.blocks) {
        own.get(block)?.delete(step.tier);
        if (own.get(block)?.size === 0) own.delete(block);
      }
    } else if (step.op === "load") {
      log.push({ kind: "load", stepMs: 20, decodeContextTokens: 99, prefillBacklogMs: 50, ...head(worker) });
    } else if (step.op === "assign") {
      const decision = decisionOf(requests, worker, step.other, step.from);
      states.set(requests++, { prefill: worker, decode: step.other, stage: 0 });
      log.push({ kind: "assigned", decision, ...head(conductorId) });
    } else {
      const [request, state] = [...states][step.from % Math.max(1, states.size)] ?? [];
      if (request === undefined || !state) continue;
      const { prefill, decode } = state;
      if (state.stage === 0) log.push({ kind: "transferred", leg: "prefix", request, ...head(prefill) });
      else if (state.stage === 1) log.push({ kind: "prefilled", request, ...head(prefill) });
      else if (state.stage === 2) log.push({ kind: "transferred", leg: "handoff", request, ...head(decode) });
      else {
        log.push({ kind: "finished", outcome: "complete", outputTokens: 9, request, ...head(decode) });
        states.delete(request);
      }
      state.stage++;
    }
  }
  return { log, held };
}

// Few of them, so that what is removed has often been stored.
const block = fc.nat(7);
const worker = fc.nat(2);
const tier = fc.constantFrom<Tier>(...tiers);
const blocks = fc.array(block, { maxLength: 6 });
const stepOf = fc.oneof(
  { weight: 4, arbitrary: fc.record({ op: fc.constant("store" as const), worker, blocks, tier }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant("remove" as const), worker, blocks, tier }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("load" as const), worker }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant("assign" as const), worker, other: worker, from: worker }) },
  { weight: 6, arbitrary: fc.record({ op: fc.constant("advance" as const), worker, from: fc.nat(20) }) },
);
type Step = typeof stepOf extends fc.Arbitrary<infer T> ? T : never;
const history = fc.array(stepOf, { minLength: 10, maxLength: 80, size: "max" });

function play(log: readonly ViewEvent[]): ClusterView {
  const view = createView(options);
  replayLog(view, log);
  return view;
}

/** Numbers rounded, since sums of doubles depend on their order in the last bits. */
function rounded(view: ClusterView): string {
  return JSON.stringify(viewState(view), (_, value) =>
    typeof value === "number" ? Math.round(value * 1e6) / 1e6 : value,
  );
}

function blocksOf(view: ClusterView, id: number): string[] {
  const found: string[] = [];
  for (let block = 0; block <= 7; block++) {
    const mask = view.index.tiersOf(id, block);
    tiers.forEach((name, bit) => {
      if (mask & (1 << bit)) found.push(`${block} ${name}`);
    });
  }
  return found;
}

test("any history keeps the view whole, and its log gives the same view to the bit", () => {
  fc.assert(
    fc.property(history, (steps) => {
      const { log, held } = simulate(steps);
      const view = createView(options);
      for (const event of log) {
        assert.equal(applyEvent(view, event).status, "applied");
        checkView(view);
      }
      assert.deepEqual(viewState(play(JSON.parse(JSON.stringify(log)))), viewState(view));
      for (const [id, own] of held) {
        const wanted = [...own].flatMap(([block, where]) => [...where].map((name) => `${block} ${name}`));
        assert.deepEqual(blocksOf(view, id).sort(), wanted.sort());
      }
    }),
    { numRuns: 200 },
  );
});

test("duplicates change nothing, wherever they come", () => {
  fc.assert(
    fc.property(history, fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 10 }), (steps, again) => {
      const { log } = simulate(steps);
      const noisy = [...log];
      for (const [which, where] of again) {
        const at = which % log.length;
        // A duplicate comes after its original.
        const first = noisy.indexOf(log[at]);
        noisy.splice(first + 1 + (where % (noisy.length - first)), 0, log[at]);
      }
      const view = play(noisy);
      assert.deepEqual(viewState(view), viewState(play(log)));
      assert.equal(view.repairs.duplicates, again.length);
    }),
  );
});

test("a worker's events that come out of order are put in order", () => {
  fc.assert(
    fc.property(history, fc.array(fc.nat(), { minLength: 1, maxLength: 20 }), (steps, swaps) => {
      const { log } = simulate(steps);
      const mixed = [...log];
      for (const swap of swaps) {
        const at = swap % (mixed.length - 1);
        // Neighbours of one stream only: across streams the order has a meaning, as who assigns a request before it ends.
        const [a, b] = [mixed[at], mixed[at + 1]];
        if (a.worker !== b.worker || a.kind === "joined" || b.kind === "joined") continue;
        mixed[at] = b;
        mixed[at + 1] = a;
      }
      const view = play(mixed);
      checkView(view);
      assert.equal(rounded(view), rounded(play(log)));
    }),
  );
});

test("a lost event is asked for by number; replayed, the view is what it would have been", () => {
  fc.assert(
    fc.property(history, fc.nat(), (steps, which) => {
      const { log } = simulate(steps);
      const storage = log.filter((event) => event.kind === "stored" || event.kind === "removed");
      if (storage.length === 0) return;
      const lost = storage[which % storage.length];
      const view = createView(options);
      let asked: ViewEvent | undefined;
      for (const event of log) {
        if (event === lost) continue;
        const { status, missing } = applyEvent(view, event);
        if (status !== "held") continue;
        assert.ok(missing && missing.worker === lost.worker);
        assert.equal(missing.from, lost.sequence);
        assert.equal(missing.to, lost.sequence);
        asked = lost;
      }
      if (asked) assert.equal(applyEvent(view, asked).status, "applied");
      else applyEvent(view, lost);
      for (let id = 0; id < 3; id++) assert.deepEqual(blocksOf(view, id), blocksOf(play(log), id));
      checkView(view);
    }),
  );
});

test("events lost for good: the view holds nothing that is not true, and a snapshot makes it whole", () => {
  fc.assert(
    fc.property(history, fc.array(fc.nat(), { minLength: 1, maxLength: 12 }), (steps, losses) => {
      const { log, held } = simulate(steps);
      const storage = log.filter((event) => event.kind === "stored" || event.kind === "removed");
      const lost = new Set<ViewEvent>(losses.map((which) => storage[which % Math.max(1, storage.length)]));
      const view = createView(options);
      for (const event of log) if (!lost.has(event)) applyEvent(view, event);
      // Time passes: heartbeats show the gaps, and the gaps are given up.
      const last = (id: number) => log.filter((event) => event.worker === id).length;
      for (let id = 0; id < 3; id++) {
        for (let beat = 0; beat < 16; beat++) {
          applyEvent(view, { kind: "load", worker: id, sequence: last(id) + beat, atMs: 10_000 + beat * 2000 });
        }
      }
      checkView(view);
      for (const [id, own] of held) {
        const truth = [...own].flatMap(([block, where]) => [...where].map((name) => `${block} ${name}`));
        const known = blocksOf(view, id);
        for (const one of known) assert.ok(truth.includes(one), `worker ${id} does not hold ${one}`);
        const byTier = Object.fromEntries(
          tiers.map((name) => [name, [...own].filter(([, where]) => where.has(name)).map(([b]) => b)]),
        );
        const snapshot: ViewEvent = {
          kind: "snapshot",
          role: "both",
          blocks: byTier,
          worker: id,
          sequence: last(id) + 15,
          atMs: 99_000,
        };
        assert.equal(applyEvent(view, snapshot).status, "applied");
        assert.deepEqual(blocksOf(view, id).sort(), truth.sort());
      }
      checkView(view);
    }),
  );
});

function three(): ClusterView {
  return play([0, 1, 2].map((id): ViewEvent => ({ kind: "joined", role: "both", worker: id, sequence: 0, atMs: 0 })));
}

test("a worker that leaves takes its blocks and its requests, and what it was sending", () => {
  const view = three();
  applyEvent(view, { kind: "stored", blocks: [1, 2], tier: "dram", worker: 2, sequence: 1, atMs: 1 });
  applyEvent(view, { kind: "assigned", worker: conductorId, sequence: 0, atMs: 2, decision: decisionOf(1, 0, 1, 2) });
  applyEvent(view, { kind: "assigned", worker: conductorId, sequence: 1, atMs: 2, decision: decisionOf(2, 2, 1) });
  applyEvent(view, { kind: "assigned", worker: conductorId, sequence: 2, atMs: 2, decision: decisionOf(3, 1, 2) });
  assert.equal(view.workers.egressBytes[2], 3200);
  applyEvent(view, { kind: "left", worker: 2, sequence: 2, atMs: 3 });
  checkView(view);
  assert.deepEqual([...view.requests.byId.keys()], [1]);
  assert.equal(view.index.blockCount, 0);
  assert.deepEqual(view.workers.live, [0, 1]);
  // What comes late from its life is nobody's; a new life starts at 0 again.
  assert.equal(
    applyEvent(view, { kind: "stored", blocks: [3], tier: "dram", worker: 2, sequence: 3, atMs: 4 }).status,
    "unknown",
  );
  assert.equal(applyEvent(view, { kind: "joined", role: "both", worker: 2, sequence: 0, atMs: 5 }).status, "duplicate");
  assert.equal(
    applyEvent(view, { kind: "joined", role: "decode", epoch: 1, worker: 2, sequence: 0, atMs: 5 }).status,
    "applied",
  );
  assert.equal(
    applyEvent(view, { kind: "stored", blocks: [3], tier: "dram", worker: 2, sequence: 1, atMs: 6 }).status,
    "duplicate",
  );
  assert.deepEqual(view.workers.prefillers, [0, 1]);
  assert.deepEqual(view.workers.decoders, [0, 1, 2]);
  checkView(view);
});

test("a worker that restarts without leaving loses what it had", () => {
  const view = three();
  applyEvent(view, { kind: "stored", blocks: [1, 2], tier: "dram", worker: 0, sequence: 1, atMs: 1 });
  applyEvent(view, { kind: "joined", role: "both", epoch: 4, worker: 0, sequence: 0, atMs: 2 });
  assert.equal(view.index.heldBy(0), 0);
  assert.equal(
    applyEvent(view, { kind: "stored", blocks: [5], tier: "dram", epoch: 4, worker: 0, sequence: 1, atMs: 3 }).status,
    "applied",
  );
  checkView(view);
});

test("the queue: what is ahead, what the running prefill has done, and a prefix that is awaited", () => {
  const view = three();
  const { workers } = view;
  applyEvent(view, { kind: "assigned", worker: conductorId, sequence: 0, atMs: 100, decision: decisionOf(0, 0, 1) });
  applyEvent(view, { kind: "assigned", worker: conductorId, sequence: 1, atMs: 100, decision: decisionOf(8, 0, 1) });
  assert.equal(workers.queueMs(0, 100), 61);
  assert.equal(workers.queueMs(0, 110), 51);
  // The first takes longer than predicted: the second's time stays.
  assert.equal(workers.queueMs(0, 500), 31);
  applyEvent(view, { kind: "prefilled", request: 0, worker: 0, sequence: 1, atMs: 500 });
  assert.equal(workers.queueMs(0, 500), 31);
  assert.equal(workers.queueMs(0, 520), 11);
  applyEvent(view, { kind: "load", prefillBacklogMs: 25, worker: 0, sequence: 2, atMs: 520 });
  assert.equal(workers.queueMs(0, 520), 25);
  applyEvent(view, { kind: "prefilled", request: 8, worker: 0, sequence: 3, atMs: 530 });
  assert.equal(workers.queueMs(0, 530), 0);
  // A prefix that takes 5 ms to come holds its worker up for as long.
  applyEvent(view, {
    kind: "assigned",
    worker: conductorId,
    sequence: 2,
    atMs: 600,
    decision: decisionOf(16, 0, 1, 2),
  });
  assert.equal(workers.queueMs(0, 600), 37);
  checkView(view);
});

test("a snapshot settles requests whose events were lost", () => {
  const view = three();
  for (let i = 0; i < 4; i++) {
    applyEvent(view, { kind: "assigned", worker: conductorId, sequence: i, atMs: 1, decision: decisionOf(i, 0, 1) });
  }
  applyEvent(view, { kind: "transferred", leg: "handoff", request: 0, worker: 1, sequence: 1, atMs: 2 });
  const blocks = {};
  // The prefill worker still has 2, and had not heard of 3: 1 must be prefilled.
  const ofPrefill = { held: [2], assignedThrough: 2 };
  applyEvent(view, { kind: "snapshot", role: "both", blocks, requests: ofPrefill, worker: 0, sequence: 5, atMs: 3 });
  assert.deepEqual(
    view.requests.queues[0].map(({ id }) => id),
    [2, 3],
  );
  // The decode worker has 1, and no more 0.
  const ofDecode = { held: [1], assignedThrough: 3 };
  applyEvent(view, { kind: "snapshot", role: "both", blocks, requests: ofDecode, worker: 1, sequence: 9, atMs: 4 });
  assert.deepEqual([...view.requests.byId.keys()], [1, 2, 3]);
  assert.equal(view.workers.batch[1], 1);
  checkView(view);
  // Older than what is known: it would bring back what is gone.
  assert.equal(
    applyEvent(view, { kind: "snapshot", role: "both", blocks: { dram: [7] }, worker: 1, sequence: 3, atMs: 5 }).status,
    "duplicate",
  );
});

test("a snapshot within a gap replaces what the lost events would have changed", () => {
  const view = three();
  applyEvent(view, { kind: "stored", blocks: [1, 2], tier: "dram", worker: 0, sequence: 1, atMs: 1 });
  // 2 is lost: it removed block 1.
  const early: ViewEvent = { kind: "stored", blocks: [4], tier: "dram", worker: 0, sequence: 4, atMs: 4 };
  assert.deepEqual(applyEvent(view, early), { status: "held", missing: { worker: 0, from: 2, to: 3 } });
  const blocks = { dram: [2], ssd: [3] };
  const snapshot = { kind: "snapshot", role: "both", blocks, worker: 0, sequence: 3, atMs: 5 } as const;
  assert.equal(applyEvent(view, snapshot).status, "applied");
  assert.deepEqual(blocksOf(view, 0), ["2 dram", "3 ssd", "4 dram"]);
  checkView(view);
});

test("requests whose end was lost are found", () => {
  const view = three();
  applyEvent(view, { kind: "assigned", worker: conductorId, sequence: 0, atMs: 0, decision: decisionOf(1, 0, 1) });
  assert.deepEqual(overdueRequests(view, 10_000, 5000, 100), []);
  assert.deepEqual(overdueRequests(view, 12_000, 5000, 100), [1]);
});

test("events that cannot be are named, and change nothing", () => {
  const view = three();
  applyEvent(view, { kind: "stored", blocks: [1], tier: "dram", worker: 0, sequence: 1, atMs: 10 });
  const before = JSON.stringify(viewState(view));
  const head = { worker: 0, sequence: 2, atMs: 11 };
  const bad: [unknown, RegExp][] = [
    [{ kind: "stored", blocks: [4, -1], tier: "dram", ...head }, /stored event 2 of worker 0: blocks\[1\] is -1/],
    [
      { kind: "stored", blocks: [4, 2 ** 27], tier: "dram", ...head },
      /blocks\[1\] is 134217728; it must be an integer from 0 to/,
    ],
    [{ kind: "stored", blocks: [4], tier: "tape", ...head }, /tier is tape; it must be device, dram, ssd/],
    [
      { kind: "stored", blocks: [4], tier: "dram", ...head, atMs: 9 },
      /time goes backwards: atMs of event 2 of worker 0 is 9, after 10/,
    ],
    [{ kind: "stored", blocks: [4], tier: "dram", ...head, atMs: Number.NaN }, /atMs is NaN/],
    [{ kind: "load", stepMs: -1, ...head }, /stepMs is -1/],
    [{ kind: "role", role: "boss", ...head }, /role is boss/],
    [{ kind: "left", ...head, sequence: 1.5 }, /sequence is 1.5/],
    [{ kind: "joined", role: "both", ...head, worker: 9000 }, /worker 9000 is not an integer from 0 to 8191/],
    [{ kind: "joined", role: "both", prefillSpeed: 0, ...head, epoch: 1 }, /prefillSpeed is 0; it must be above 0/],
    [{ kind: "left", ...head, worker: conductorId }, /the conductor only assigns and finishes/],
    [{ kind: "assigned", decision: decisionOf(1, 0, 1), ...head }, /worker is 0; it must be -1, the conductor/],
  ];
  for (const [event, message] of bad) assert.throws(() => applyEvent(view, event as ViewEvent), message);
  assert.equal(JSON.stringify(viewState(view)), before);
  checkView(view);
  assert.throws(() => createView({ blockTokens: 0, kvBytesPerToken: 1 }), /blockTokens is 0/);
  assert.throws(() => createView({ blockTokens: 1, kvBytesPerToken: -1 }), /kvBytesPerToken is -1/);
});
