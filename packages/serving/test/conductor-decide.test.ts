import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  admissionNames,
  type ConductorOptions,
  createConductor,
  type Decision,
  explain,
  policyNames,
  type Rejection,
  type ScheduleRequest,
} from "../src/conductor/index.ts";
import { createOutputPredictor, type Estimators, transferEstimator } from "../src/estimators/index.ts";
import {
  applyEvent,
  type ClusterView,
  checkView,
  conductorId,
  createView,
  type ViewEvent,
  viewState,
} from "../src/view/index.ts";

const blockTokens = 10;
const kvBytesPerToken = 100;
/** Times that are easy to reckon with: 1 ms a token, 10 ms and 1 ms a sequence a step. */
const estimators: Estimators = {
  prefill: { prefillMs: (input, prefix) => 5 + input - Math.min(prefix, input - 1) },
  transfer: transferEstimator({ kvBytesPerToken, latencyMs: 1 }),
  decode: { stepMs: (batch, context) => 10 + batch + context / 1000 },
  output: {
    expectedTokens: (_input, _class, max) => Math.min(50, max),
    survival: (_i, _c, now, later) => Math.exp((now - later) / 50),
  },
  kvBytesPerToken,
};
const options: ConductorOptions = {
  policy: "min",
  admission: "none",
  ttftLimitMs: 1000,
  tbtLimitMs: 40,
  blockTokens,
  estimators,
};

const sequences = new WeakMap<ClusterView, Map<number, number>>();
// biome-ignore lint/suspicious/noExplicitAny: a test's shorthand; what it makes is checked by applyEvent.
function tell(view: ClusterView, event: any): void {
  const next = sequences.get(view) ?? new Map<number, number>();
  sequences.set(view, next);
  const sequence = next.get(event.worker) ?? 0;
  next.set(event.worker, sequence + 1);
  assert.equal(applyEvent(view, { sequence, atMs: 0, ...event } as ViewEvent).status, "applied");
}

function cluster(roles: readonly string[], extra: Record<string, unknown> = {}): ClusterView {
  const view = createView({ blockTokens, kvBytesPerToken });
  roles.forEach((role, worker) => {
    tell(view, {
      kind: "joined",
      role,
      worker,
      egressBytesPerMs: 1000,
      ingressBytesPerMs: 1000,
      ssdBytesPerMs: 500,
      ...extra,
    });
  });
  return view;
}

const store = (view: ClusterView, worker: number, count: number, tier = "dram") =>
  tell(view, { kind: "stored", worker, tier, blocks: Array.from({ length: count }, (_, i) => i) });
const request = (id: number, blocks: number, inputTokens = blocks * blockTokens): ScheduleRequest => ({
  id,
  inputTokens,
  blocks: Array.from({ length: blocks }, (_, i) => i),
});
const assign = (view: ClusterView, decision: Decision, atMs = 0) =>
  tell(view, { kind: "assigned", worker: conductorId, decision, atMs });

function decided(answer: Decision | Rejection): Decision {
  assert.equal(answer.kind, "decision", answer.kind === "rejection" ? explain(answer) : "");
  return answer as Decision;
}

function rejected(answer: Decision | Rejection): Rejection {
  assert.equal(answer.kind, "rejection", explain(answer));
  return answer as Rejection;
}

test("min: the worker with the prefix, until its queue is longer than a transfer to another", () => {
  const view = cluster(["prefill", "prefill", "decode"]);
  const conductor = createConductor(options);
  store(view, 0, 20);
  const first = decided(conductor.decide(view, request(1, 20), 0));
  assert.deepEqual([first.prefill, first.decode, first.transfers], [0, 2, []]);
  assert.equal(first.terms.prefillMs, 6);
  assign(view, first);
  // 6 ms of queue: less than 1 + 20 ms for 200 tokens.
  const second = decided(conductor.decide(view, request(2, 30), 0));
  assert.deepEqual([second.prefill, second.terms.queueMs, second.terms.ttftMs], [0, 6, 111]);
  assign(view, second);
  const { prefill, transfers, terms } = decided(conductor.decide(view, request(3, 30), 0));
  assert.equal(prefill, 1);
  assert.deepEqual(transfers, [{ from: 0, to: 1, firstBlock: 0, blockCount: 20, tokens: 200 }]);
  assert.deepEqual([terms.queueMs, terms.transferMs, terms.prefillMs, terms.ttftMs], [0, 21, 105, 126]);
});

test("paper: a local prefix of nothing is an infinite ratio where somebody has one, and 1 where nobody has", () => {
  const view = cluster(["prefill", "decode"]);
  const conductor = createConductor({ ...options, policy: "paper" });
  const none = decided(conductor.decide(view, request(1, 10), 0));
  assert.deepEqual([none.transfers.length, none.terms.ttftMs, none.terms.bestWorker], [0, 105, -1]);
  store(view, 1, 4);
  const some = decided(conductor.decide(view, request(2, 10), 0));
  assert.deepEqual(some.transfers, [{ from: 1, to: 0, firstBlock: 0, blockCount: 4, tokens: 40 }]);
  for (const value of Object.values(some.terms)) if (typeof value === "number") assert.ok(Number.isFinite(value));
});

test("the always-transfer trap: paper fetches over a slow link what min computes sooner", () => {
  const view = cluster(["prefill", "decode"], { egressBytesPerMs: 10 });
  store(view, 1, 10);
  const paper = decided(createConductor({ ...options, policy: "paper" }).decide(view, request(1, 10), 0));
  const min = decided(createConductor(options).decide(view, request(1, 10), 0));
  assert.deepEqual([paper.terms.transferMs, paper.terms.ttftMs], [1001, 1007]);
  assert.deepEqual([min.terms.transferTokens, min.terms.ttftMs], [0, 105]);
});

test("paper: the threshold decides between the local prefix and a transfer of the rest", () => {
  const view = cluster(["prefill", "decode"]);
  store(view, 0, 8);
  store(view, 1, 12);
  const at = (balancingThreshold: number) =>
    decided(createConductor({ ...options, policy: "paper", balancingThreshold }).decide(view, request(1, 12, 120), 0));
  assert.deepEqual(at(1.4).transfers, [{ from: 1, to: 0, firstBlock: 8, blockCount: 4, tokens: 40 }]);
  // As printed, the ratio must be above it: 12 / 8 is not.
  assert.deepEqual(at(1.5).transfers, []);
  assert.equal(at(1.5).terms.prefixTokens, 80);
});

test("of those with the best prefix, the one that sends least is asked", () => {
  const view = cluster(["prefill", "decode", "decode"]);
  store(view, 1, 10);
  store(view, 2, 10);
  const conductor = createConductor({ ...options, policy: "paper" });
  const first = decided(conductor.decide(view, request(1, 10), 0));
  assert.equal(first.terms.bestWorker, 1);
  assign(view, first);
  assert.equal(decided(conductor.decide(view, request(2, 10), 0)).terms.bestWorker, 2);
});

test("blocks on SSD cost their loading, and min computes again where that is sooner", () => {
  const view = cluster(["prefill", "decode"], { ssdBytesPerMs: 50 });
  store(view, 0, 10, "ssd");
  const local = decided(createConductor({ ...options, policy: "local-cache-aware" }).decide(view, request(1, 20), 0));
  assert.deepEqual([local.terms.transferMs, local.terms.ttftMs], [200, 305]);
  const min = decided(createConductor(options).decide(view, request(1, 20), 0));
  assert.deepEqual([min.terms.prefixTokens, min.terms.ttftMs], [0, 205]);
});

const role = fc.constantFrom("prefill", "decode", "both", "draining");
const scene = fc.record({
  roles: fc.array(role, { minLength: 1, maxLength: 7 }),
  stores: fc.array(
    fc.record({ worker: fc.nat(6), count: fc.integer({ min: 1, max: 8 }), tier: fc.constantFrom("dram", "ssd") }),
    { maxLength: 8 },
  ),
  before: fc.array(fc.record({ blocks: fc.integer({ min: 1, max: 8 }), extra: fc.nat(200), stage: fc.nat(4) }), {
    maxLength: 12,
  }),
  ask: fc.record({ blocks: fc.nat(8), extra: fc.integer({ min: 1, max: 300 }) }),
  policy: fc.constantFrom(...policyNames),
  admission: fc.constantFrom(...admissionNames),
  ttftForm: fc.constantFrom<"sum" | "overlap">("sum", "overlap"),
});

/** A cluster with requests in every stage, and the next request. */
function stage({
  roles,
  stores,
  before,
  ask,
  policy,
  admission,
  ttftForm,
}: typeof scene extends fc.Arbitrary<infer T> ? T : never) {
  const view = cluster(roles, { kvCapacityTokens: 3000 });
  for (const { worker, count, tier } of stores) if (worker < roles.length) store(view, worker, count, tier);
  const setup = createConductor({ ...options, policy, ttftForm });
  const going: { request: number; reached: number; decision: Decision }[] = [];
  before.forEach(({ blocks, extra, stage: reached }, id) => {
    const answer = setup.decide(view, request(id, blocks, blocks * blockTokens + extra), 0);
    if (answer.kind === "rejection") return;
    assign(view, answer);
    going.push({ request: id, reached, decision: answer });
  });
  for (const { request, reached, decision } of going) {
    if (reached > 0) tell(view, { kind: "prefilled", worker: decision.prefill, request, atMs: 20 });
  }
  for (const { request, reached, decision } of going) {
    if (reached > 1) tell(view, { kind: "transferred", leg: "handoff", worker: decision.decode, request, atMs: 30 });
  }
  for (const { request, reached, decision } of going) {
    const end = { kind: "finished", outcome: "complete", outputTokens: 3, request, atMs: 60 };
    if (reached > 3) tell(view, { ...end, worker: decision.decode });
  }
  checkView(view);
  const conductor = createConductor({ ...options, policy, admission, ttftForm, ttftLimitMs: 200, tbtLimitMs: 13 });
  return { view, conductor, asked: request(99, ask.blocks, ask.blocks * blockTokens + ask.extra) };
}

test("the choice is the least (TTFT, TBT) of all pairs, by a plain reckoning of every one", () => {
  fc.assert(
    fc.property(scene, (one) => {
      const { view, conductor, asked } = stage({ ...one, admission: "none" });
      const { policy, ttftForm } = one;
      const nowMs = 70;
      const answer = conductor.decide(view, asked, nowMs);
      const { workers, requests } = view;
      const held = (worker: number) => {
        let count = 0;
        let slow = 0;
        for (const block of Array.from(asked.blocks)) {
          const mask = view.index.tiersOf(worker, block);
          if (mask === 0) break;
          count++;
          if (mask === 4) slow++;
        }
        return { count, ssdMs: (slow * blockTokens * kvBytesPerToken) / 500 };
      };
      const all = workers.live.map((worker) => ({ worker, ...held(worker) }));
      const best = Math.max(0, ...all.map(({ count }) => count));
      const sources = best ? all.filter(({ count }) => count === best) : [];
      const source = sources.toSorted((a, b) => workers.egressBytes[a.worker] - workers.egressBytes[b.worker])[0];
      const pairs: { p: number; d: number; ttft: number; tbt: number; full: boolean; queue: number }[] = [];
      for (const p of workers.prefillers) {
        const own = held(p);
        const queue = workers.queueMs(p, nowMs);
        const ttft = (wait: number, prefix: number) => {
          const prefill = estimators.prefill.prefillMs(asked.inputTokens, prefix);
          return (ttftForm === "sum" ? queue + wait : Math.max(queue, wait)) + prefill;
        };
        const local = ttft(own.ssdMs, own.count * blockTokens);
        const ways = [local];
        const fetch = () => {
          const ahead = Math.max(workers.egressBytes[source.worker], workers.ingressBytes[p]);
          const bytes = (best - own.count) * blockTokens * kvBytesPerToken;
          return ttft(1 + (ahead + bytes) / 1000 + source.ssdMs + own.ssdMs, best * blockTokens);
        };
        if (policy === "min") {
          ways.push(ttft(0, 0));
          if (own.count < best) ways.push(fetch());
        } else if (policy === "paper" && own.count < best && (own.count === 0 || best / own.count > 1.25))
          ways[0] = fetch();
        for (const d of workers.decoders) {
          const tbt = estimators.decode.stepMs(requests.decoding(d) + 1, workers.reservedTokens[d] + asked.inputTokens);
          const full = workers.reservedTokens[d] + asked.inputTokens + 50 > 3000;
          pairs.push({ p, d, ttft: Math.min(...ways), tbt, full, queue });
        }
      }
      if (pairs.length === 0) {
        assert.match(rejected(answer).limit, /^no-(prefill|decode)-worker$/);
        return;
      }
      const { prefill, decode, terms } = decided(answer);
      const rank =
        policy === "load-balancing" ? (pair: (typeof pairs)[0]) => pair.queue : (pair: (typeof pairs)[0]) => pair.ttft;
      const candidates = policy === "random" ? pairs.filter(({ p }) => p === prefill) : pairs;
      const [least] = candidates.toSorted(
        (a, b) => rank(a) - rank(b) || a.p - b.p || Number(a.full) - Number(b.full) || a.tbt - b.tbt || a.d - b.d,
      );
      assert.ok(Math.abs(terms.ttftMs - least.ttft) < 1e-9, `TTFT ${terms.ttftMs}, least ${least.ttft}`);
      assert.deepEqual([prefill, decode], [least.p, least.d]);
    }),
    { numRuns: 500 },
  );
});

test("deciding changes nothing, and the same question has the same answer", () => {
  fc.assert(
    fc.property(scene, (one) => {
      const { view, conductor, asked } = stage(one);
      const before = viewState(view);
      const answer = conductor.decide(view, asked, 70);
      assert.deepEqual(viewState(view), before);
      conductor.decide(view, request(55, 2), 75);
      assert.deepEqual(conductor.decide(view, asked, 70), answer);
      assert.deepEqual(stage(one).conductor.decide(view, asked, 70), answer);
    }),
    { numRuns: 200 },
  );
});

test("the terms add up, a rejection is above its limit, and the text says all of it", () => {
  let rejections = 0;
  fc.assert(
    fc.property(scene, (one) => {
      const { view, conductor, asked } = stage(one);
      const answer = conductor.decide(view, asked, 70);
      const text = explain(answer);
      assert.doesNotMatch(text, /NaN|undefined/);
      const { terms } = answer;
      if (!terms) return;
      const before =
        terms.ttftForm === "sum" ? terms.queueMs + terms.transferMs : Math.max(terms.queueMs, terms.transferMs);
      assert.equal(terms.ttftMs, before + terms.prefillMs);
      assert.equal(
        terms.prefixTokens === terms.localPrefixTokens + terms.transferTokens || terms.prefixTokens === 0,
        true,
      );
      assert.ok(terms.localPrefixTokens <= terms.bestPrefixTokens && terms.prefixTokens <= asked.inputTokens);
      assert.match(text, /^request 99: /);
      assert.match(text, /TTFT = .* prefill .* = .*\nTBT = step\(batch /);
      if (answer.kind === "decision") {
        if (one.admission === "none") return;
        assert.ok(terms.ttftMs <= 200);
        if (one.admission === "early" || one.admission === "request-level") assert.ok(terms.tbtMs <= 13);
        if (one.admission === "predictive") assert.ok(terms.decodeLoad <= 1);
      } else {
        rejections++;
        assert.ok(answer.value > answer.allowed && answer.excess === answer.value - answer.allowed);
        assert.ok(answer.retryAfterMs === null || answer.retryAfterMs > 0, `retry after ${answer.retryAfterMs}`);
      }
    }),
    { numRuns: 500 },
  );
  assert.ok(rejections > 10, `${rejections} rejections`);
});

test("random spreads evenly and depends on seed and request alone", () => {
  const view = cluster(["prefill", "prefill", "prefill", "prefill", "decode"]);
  const picks = (seed: number) => {
    const conductor = createConductor({ ...options, policy: "random", seed });
    return Array.from({ length: 4000 }, (_, id) => decided(conductor.decide(view, request(id, 1), 0)).prefill);
  };
  const [one, again, other] = [picks(1), picks(1), picks(2)];
  assert.deepEqual(one, again);
  assert.notDeepEqual(one, other);
  for (let worker = 0; worker < 4; worker++) {
    const share = one.filter((pick) => pick === worker).length;
    assert.ok(share > 900 && share < 1100, `worker ${worker} was picked ${share} times of 4000`);
  }
});

test("a draining worker is given nothing; without workers the rejection says which are missing", () => {
  const view = cluster(["prefill", "decode"]);
  const conductor = createConductor(options);
  tell(view, { kind: "role", worker: 1, role: "draining" });
  const none = rejected(conductor.decide(view, request(1, 1), 0));
  assert.deepEqual([none.limit, none.retryAfterMs, none.terms], ["no-decode-worker", null, null]);
  assert.match(explain(none), /no worker decodes/);
  tell(view, { kind: "left", worker: 0 });
  assert.equal(rejected(conductor.decide(view, request(1, 1), 0)).limit, "no-prefill-worker");
});

test("one worker with both roles hands nothing over; two do, beside the prefill or after it", () => {
  const alone = decided(createConductor(options).decide(cluster(["both"]), request(1, 10), 0));
  assert.deepEqual([alone.prefill, alone.decode, alone.terms.handoffMs], [0, 0, 0]);
  const view = cluster(["prefill", "decode"]);
  // 100 tokens are 10 ms on the link, and 105 ms to compute: by layer only the last token's part is left.
  assert.equal(decided(createConductor(options).decide(view, request(1, 10), 0)).terms.handoffMs, 1.1);
  assert.equal(
    decided(createConductor({ ...options, layerwiseHandoff: false }).decide(view, request(1, 10), 0)).terms.handoffMs,
    11,
  );
});

test("options out of range are named, and a service level that nothing can meet", () => {
  const bad: [Partial<Record<keyof ConductorOptions, unknown>>, RegExp][] = [
    [{ policy: "best" }, /policy is best; known are paper, min/],
    [{ admission: "maybe" }, /admission is maybe; known are none, baseline/],
    [{ ttftLimitMs: 0 }, /ttftLimitMs is 0; it must be above 0/],
    [{ tbtLimitMs: Number.NaN }, /tbtLimitMs is NaN/],
    [{ balancingThreshold: -1 }, /balancingThreshold is -1/],
    [{ blockTokens: 1.5 }, /blockTokens is 1.5/],
    [{ admission: "early", tbtLimitMs: 8 }, /tbtLimitMs is 8; a decode step of one sequence alone takes 11.0 ms/],
    [
      { admission: "early", ttftLimitMs: 5 },
      /ttftLimitMs is 5; a prefill of one token alone takes 6.0 ms .* Set it to 6 or more/,
    ],
  ];
  for (const [change, message] of bad)
    assert.throws(() => createConductor({ ...options, ...change } as ConductorOptions), message);
  const view = cluster(["both"]);
  const conductor = createConductor(options);
  assert.throws(() => conductor.decide(view, { id: 1, inputTokens: 0, blocks: [] }, 0), /inputTokens is 0/);
  assert.throws(
    () => conductor.decide(view, request(1, 3, 20), 0),
    /3 for 20 input tokens; at 10 tokens a block there are at most 2/,
  );
  assert.throws(() => conductor.decide(view, request(1, 3), Number.NaN), /nowMs is NaN/);
});

test("an estimator that gives no time is named, and nothing is decided on it", () => {
  const view = cluster(["both"]);
  const prefill = { prefillMs: (input: number) => (input > 50 ? Number.NaN : 1) };
  const broken = createConductor({ ...options, estimators: { ...estimators, prefill } });
  assert.throws(
    () => broken.decide(view, request(7, 10), 0),
    /the prefill or transfer estimator gave no finite time for request 7 of 100/,
  );
  const decode = { stepMs: (batch: number) => 1 / (batch - 1) };
  const other = createConductor({ ...options, estimators: { ...estimators, decode } });
  assert.throws(() => other.decide(view, request(7, 10), 0), /the decode estimator gave no finite time for request 7/);
});

test("a real output predictor may be used as it is", () => {
  const conductor = createConductor({
    ...options,
    admission: "request-level",
    estimators: { ...estimators, output: createOutputPredictor() },
  });
  const { terms } = decided(conductor.decide(cluster(["both"]), { ...request(1, 2), maxOutputTokens: 7 }, 0));
  assert.equal(terms.outputTokens, 7);
});
