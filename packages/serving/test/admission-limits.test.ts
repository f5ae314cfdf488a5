import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  createRoleSwitcher,
  type DecodeLoad,
  initialRoleSwitchState,
  type RoleAdvice,
  requestLevelLoad,
  systemLevelLoad,
} from "../src/admission/index.ts";
import {
  type AdmissionName,
  type ConductorOptions,
  createConductor,
  type Decision,
  explain,
  type Rejection,
} from "../src/conductor/index.ts";
import { type Estimators, transferEstimator } from "../src/estimators/index.ts";
import { applyEvent, type ClusterView, checkView, conductorId, createView, type ViewEvent } from "../src/view/index.ts";

const kvBytesPerToken = 100;
const estimators: Estimators = {
  prefill: { prefillMs: (input, prefix) => input - Math.min(prefix, input - 1) },
  transfer: transferEstimator({ kvBytesPerToken, latencyMs: 0 }),
  decode: { stepMs: (batch) => 10 * batch },
  output: { expectedTokens: () => 20, survival: (_input, _class, now, later) => 0.5 ** ((later - now) / 10) },
  kvBytesPerToken,
};
const options: ConductorOptions = {
  policy: "min",
  admission: "early",
  ttftLimitMs: 1000,
  tbtLimitMs: 35,
  blockTokens: 10,
  decodeTimeMs: 400,
  estimators,
};

/** A view, and who tells it things with the right numbers. */
function cluster(roles: readonly string[], extra: object = {}) {
  const view = createView({ blockTokens: 10, kvBytesPerToken });
  const next = new Map<number, number>();
  // biome-ignore lint/suspicious/noExplicitAny: a test's shorthand; what it makes is checked by applyEvent.
  const tell = (event: any) => {
    const sequence = next.get(event.worker) ?? 0;
    next.set(event.worker, sequence + 1);
    assert.equal(applyEvent(view, { sequence, ...event } as ViewEvent).status, "applied");
  };
  roles.forEach((role, worker) => {
    tell({ kind: "joined", role, worker, atMs: 0, ...extra });
  });
  return { view, tell };
}

const ask = (admission: AdmissionName, view: ClusterView, id: number, inputTokens: number, nowMs: number) =>
  createConductor({ ...options, admission }).decide(view, { id, inputTokens, blocks: [] }, nowMs);

function decided(answer: Decision | Rejection): Decision {
  assert.equal(answer.kind, "decision", explain(answer));
  return answer as Decision;
}

function rejected(answer: Decision | Rejection | null): Rejection {
  assert.equal(answer?.kind, "rejection");
  return answer as Rejection;
}

/** Sends requests to decode worker 1 that have arrived at the times given. */
function decoding({ view, tell }: ReturnType<typeof cluster>, startsMs: readonly number[]): void {
  startsMs.forEach((atMs, id) => {
    const decision = decided(ask("none", view, id, 10, atMs));
    tell({ kind: "assigned", worker: conductorId, atMs, decision });
    tell({ kind: "transferred", leg: "handoff", worker: decision.decode, request: id, atMs });
  });
}

test("early looks at the decode batch as it is, predictive at what is left when the prefill ends", () => {
  const it = cluster(["prefill", "decode"]);
  decoding(it, [0, 0, 0]);
  // Three decode, a fourth makes a step of 40 ms.
  const early = rejected(ask("early", it.view, 9, 300, 200));
  assert.deepEqual([early.limit, early.value, early.allowed, early.excess], ["tbt", 40, 35, 5]);
  // The prefill ends at 500, when all have decoded for longer than 400 ms.
  const predictive = decided(ask("predictive", it.view, 9, 300, 200));
  assert.deepEqual([predictive.terms.decodeAtMs, predictive.terms.decodeBatch, predictive.terms.tbtMs], [500, 1, 10]);
  // At 200 + 100 they are there still.
  const sooner = rejected(ask("predictive", it.view, 9, 100, 200));
  assert.deepEqual([sooner.limit, sooner.allowed], ["decode-load", 1]);
  assert.ok(Math.abs(sooner.value - 40 / 35) < 1e-12);
});

test("predictive counts what will have arrived by then, which early does not see", () => {
  const it = cluster(["prefill", "prefill", "decode"]);
  for (let id = 0; id < 4; id++) {
    const decision = decided(ask("none", it.view, id, 50, 0));
    it.tell({ kind: "assigned", worker: conductorId, atMs: 0, decision });
  }
  assert.equal(decided(ask("early", it.view, 9, 300, 0)).terms.decodeBatch, 1);
  assert.equal(rejected(ask("predictive", it.view, 9, 300, 0)).terms?.decodeBatch, 5);
});

test("predictive judges the pool's mean, as the paper does; request-level the worker that is chosen", () => {
  const it = cluster(["prefill", "decode", "decode"]);
  for (let id = 0; id < 6; id++) {
    const decision = { ...decided(ask("none", it.view, id, 10, 0)), decode: 1 };
    it.tell({ kind: "assigned", worker: conductorId, atMs: 0, decision });
    it.tell({ kind: "transferred", leg: "handoff", worker: 1, request: id, atMs: 0 });
  }
  // 70 ms on one, 10 ms on the other.
  const mean = rejected(ask("predictive", it.view, 9, 100, 0));
  assert.deepEqual([mean.decode, mean.terms?.tbtMs, mean.value], [2, 10, 40 / 35]);
  assert.equal(decided(ask("request-level", it.view, 9, 100, 0)).decode, 2);
});

test("request-level gives each sequence the chance that it goes on", () => {
  const it = cluster(["prefill", "decode"]);
  decoding(it, [0, 0, 0]);
  // A step of three takes 30 ms: in 300 ms ten tokens, and half of them are left. 1 + 3 / 2 sequences.
  const { terms } = decided(ask("request-level", it.view, 9, 300, 200));
  assert.ok(Math.abs(terms.decodeBatch - 2.5) < 1e-9, `${terms.decodeBatch}`);
  assert.ok(Math.abs(terms.tbtMs - 25) < 1e-9);
});

test("baseline admits what decode cannot take, and turns it away when its prefill is done", () => {
  const it = cluster(["prefill", "decode"]);
  decoding(it, [0, 0, 0]);
  const decision = decided(ask("baseline", it.view, 9, 300, 200));
  const conductor = createConductor({ ...options, admission: "baseline" });
  it.tell({ kind: "assigned", worker: conductorId, atMs: 200, decision });
  it.tell({ kind: "prefilled", worker: 0, request: 9, atMs: 500 });
  const late = rejected(conductor.recheck(it.view, decision, 500));
  assert.deepEqual([late.stage, late.limit, late.value], ["decode", "tbt", 40]);
  assert.match(explain(late), /rejected at decode, tbt 40 ms > 35 ms by 5 ms; retry after 1 s/);
  it.tell({ kind: "finished", outcome: "complete", outputTokens: 5, request: 0, worker: 1, atMs: 510 });
  assert.equal(conductor.recheck(it.view, decision, 510), null);
  for (const admission of ["none", "early", "predictive", "request-level"] as const) {
    assert.equal(createConductor({ ...options, admission }).recheck(it.view, decision, 500), null);
  }
});

test("none turns nothing away, and says what would have been", () => {
  const it = cluster(["prefill", "decode"]);
  decoding(it, [0, 0, 0, 0]);
  const { terms } = decided(ask("none", it.view, 9, 5000, 0));
  assert.ok(terms.prefillLoad > 1 && terms.decodeLoad > 1);
});

test("retry-after of a TTFT: after it, the same request is taken", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 10, max: 900 }), { maxLength: 12 }),
      fc.integer({ min: 1, max: 1300 }),
      (queue, length) => {
        const it = cluster(["prefill", "decode"]);
        queue.forEach((inputTokens, id) => {
          it.tell({
            kind: "assigned",
            worker: conductorId,
            atMs: 0,
            decision: decided(ask("none", it.view, id, inputTokens, 0)),
          });
        });
        const answer = ask("baseline", it.view, 99, length, 0);
        if (answer.kind === "decision") return;
        assert.equal(answer.limit, "ttft");
        if (length > 1000) assert.equal(answer.retryAfterMs, null);
        else {
          const retryMs = answer.retryAfterMs as number;
          const early = Math.max(0, retryMs - 1);
          // What the estimate says of later, as the queue gets shorter: each prefill ends when it was predicted to.
          let endMs = 0;
          queue.forEach((inputTokens, request) => {
            endMs += inputTokens;
            if (endMs <= early) it.tell({ kind: "prefilled", worker: 0, request, atMs: endMs });
          });
          assert.equal(ask("baseline", it.view, 99, length, early).kind, retryMs > 1 ? "rejection" : answer.kind);
          assert.equal(ask("baseline", it.view, 99, length, retryMs + 1e-6).kind, "decision");
        }
      },
    ),
  );
});

test("KV that does not fit: another worker, or a rejection in tokens; never, if it is too large for any", () => {
  const it = cluster(["prefill", "decode", "decode"], { kvCapacityTokens: 200 });
  const first = decided(ask("early", it.view, 0, 100, 0));
  it.tell({ kind: "assigned", worker: conductorId, atMs: 0, decision: first });
  const second = decided(ask("early", it.view, 1, 100, 0));
  assert.notEqual(second.decode, first.decode);
  it.tell({ kind: "assigned", worker: conductorId, atMs: 0, decision: second });
  // What waits for its prefill needs no room yet, though it will when this one's ends.
  assert.equal(ask("early", it.view, 2, 100, 0).kind, "decision");
  assert.equal(rejected(ask("predictive", it.view, 2, 100, 0)).limit, "kv-memory");
  for (const { request, decode } of [first, second]) {
    it.tell({ kind: "transferred", leg: "handoff", worker: decode, request, atMs: 0 });
  }
  // The prompt and its first token, and this one's prompt and output.
  const third = rejected(ask("early", it.view, 2, 100, 0));
  assert.deepEqual([third.limit, third.value, third.allowed, third.excess], ["kv-memory", 221, 200, 21]);
  assert.ok((third.retryAfterMs as number) > 0);
  assert.equal(rejected(ask("early", it.view, 3, 181, 0)).retryAfterMs, null);
  assert.match(explain(third), /kv-memory 221 tokens > 200 tokens by 21 tokens/);
});

test("the paper's prediction, and ours, are what a plain loop over all requests gives", () => {
  const sequence = fc.record({
    at: fc.nat(1000),
    arrives: fc.boolean(),
    input: fc.integer({ min: 1, max: 500 }),
    ends: fc.boolean(),
  });
  fc.assert(
    fc.property(
      fc.array(sequence, { maxLength: 40 }),
      fc.nat(3000),
      fc.integer({ min: 1, max: 2000 }),
      (sequences, ahead, decodeTimeMs) => {
        const it = cluster(["prefill", "decode"]);
        const nowMs = 1000;
        const expected: { start: number; input: number; arrived: boolean }[] = [];
        const sorted = sequences.toSorted((a, b) => a.at - b.at);
        sorted.forEach(({ at, arrives, input, ends }, id) => {
          const decision = decided(ask("none", it.view, id, input, at));
          it.tell({ kind: "assigned", worker: conductorId, atMs: at, decision });
          if (arrives) it.tell({ kind: "transferred", leg: "handoff", worker: 1, request: id, atMs: at });
          if (arrives && ends)
            it.tell({ kind: "finished", outcome: "complete", outputTokens: 1, worker: 1, request: id, atMs: at });
          else expected.push({ start: arrives ? at : at + decision.terms.ttftMs, input, arrived: arrives });
        });
        checkView(it.view);
        const atMs = nowMs + ahead;
        const here = expected.filter(({ arrived }) => arrived);
        const stepMs = 10 * Math.max(1, here.length);
        const start = (one: (typeof expected)[0]) => (one.arrived ? one.start : Math.max(one.start, nowMs));
        const counted = expected.filter((one) => start(one) <= atMs && atMs - start(one) <= decodeTimeMs);
        const out: DecodeLoad = { batch: 0, contextTokens: 0 };
        systemLevelLoad(it.view, 1, nowMs, atMs, decodeTimeMs, estimators, out);
        assert.equal(out.batch, counted.length);
        const context = counted.reduce((sum, one) => sum + one.input + (atMs - start(one)) / stepMs, 0);
        assert.ok(Math.abs(out.contextTokens - context) < 1e-6, `${out.contextTokens}, not ${context}`);
        requestLevelLoad(it.view, 1, nowMs, atMs, estimators, out);
        const weights = expected
          .filter((one) => start(one) <= atMs)
          .map((one) => 0.5 ** ((atMs - Math.max(start(one), nowMs)) / stepMs / 10));
        const batch = weights.reduce((sum, weight) => sum + weight, 0);
        assert.ok(Math.abs(out.batch - batch) < 1e-9, `${out.batch}, not ${batch}`);
      },
    ),
  );
});

const switching = { ttftLimitMs: 1000, tbtLimitMs: 100, estimators, holdMs: 100, cooldownMs: 500 };

test("roles: a worker moves when one side has been overloaded for long and the other can spare it, then not for a while", () => {
  const it = cluster(["prefill", "decode", "decode", "decode"]);
  for (let id = 0; id < 3; id++) {
    it.tell({ kind: "assigned", worker: conductorId, atMs: 0, decision: decided(ask("none", it.view, id, 5000, 0)) });
  }
  const switcher = createRoleSwitcher(switching);
  let state = initialRoleSwitchState;
  const advised: [number, RoleAdvice][] = [];
  for (let nowMs = 0; nowMs <= 1200; nowMs += 50) {
    const step = switcher.advise(it.view, nowMs, state);
    state = step.state;
    if (step.advice) advised.push([nowMs, step.advice]);
  }
  assert.deepEqual(
    advised.map(([atMs, { role }]) => [atMs, role]),
    [
      [100, "prefill"],
      [600, "prefill"],
      [1100, "prefill"],
    ],
  );
  // The last decode worker stays, and an idle cluster is left alone.
  const two = cluster(["prefill", "decode"]);
  const one = switcher.advise(two.view, 1000, { wanting: "prefill", sinceMs: 0, switchedMs: Number.NEGATIVE_INFINITY });
  assert.deepEqual([one.advice, one.state.wanting], [null, null]);
});

test("roles: loads between low and high move nobody, and a short peak does not either", () => {
  const it = cluster(["prefill", "prefill", "decode", "decode"]);
  const switcher = createRoleSwitcher(switching);
  it.tell({ kind: "assigned", worker: conductorId, atMs: 0, decision: decided(ask("none", it.view, 0, 700, 0)) });
  it.tell({ kind: "assigned", worker: conductorId, atMs: 0, decision: decided(ask("none", it.view, 1, 700, 0)) });
  assert.equal(switcher.advise(it.view, 0, initialRoleSwitchState).state.wanting, null);
  it.tell({ kind: "assigned", worker: conductorId, atMs: 0, decision: decided(ask("none", it.view, 2, 700, 0)) });
  it.tell({ kind: "assigned", worker: conductorId, atMs: 0, decision: decided(ask("none", it.view, 3, 700, 0)) });
  const peak = switcher.advise(it.view, 0, initialRoleSwitchState);
  assert.deepEqual([peak.advice, peak.state.wanting], [null, "prefill"]);
  const over = switcher.advise(it.view, 700, { ...peak.state, sinceMs: 650 });
  assert.deepEqual([over.advice, over.state.wanting], [null, null]);
});

test("roles: options out of range are named", () => {
  assert.throws(
    () => createRoleSwitcher({ ...switching, lowLoad: 0.9 }),
    /lowLoad is 0.9; it must be below highLoad, 0.8/,
  );
  assert.throws(() => createRoleSwitcher({ ...switching, holdMs: -1 }), /holdMs is -1; it must be at least 0/);
  assert.throws(() => createRoleSwitcher({ ...switching, ttftLimitMs: 0 }), /ttftLimitMs is 0/);
});
