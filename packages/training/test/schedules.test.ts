import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { constant, cosine, type DecayShape, wsd } from "../src/schedules/index.ts";

const close = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual - expected) <= 1e-12 * Math.max(1, Math.abs(expected)), `${actual} ≠ ${expected}`);

test("wsd: up, flat, down", () => {
  const rate = wsd({ peak: 2, steps: 100, warmup: 10, decay: 40, final: 0.2, shape: "linear" });
  close(rate(0), 0.2);
  close(rate(9), 2);
  close(rate(10), 2);
  close(rate(59), 2);
  close(rate(79), 1.1);
  close(rate(99), 0.2);
  close(rate(1000), 0.2);
});

test("wsd: the middle of the decay by shape", () => {
  const middle = (shape: DecayShape) => wsd({ peak: 1, steps: 100, decay: 100, shape })(24);
  close(middle("linear"), 0.75);
  close(middle("cosine"), (1 + Math.cos(Math.PI / 4)) / 2);
  close(middle("sqrt"), 0.5);
});

test("cosine: half way down is the mean of peak and final", () => {
  const rate = cosine({ peak: 1, steps: 210, warmup: 10, final: 0.1 });
  close(rate(9), 1);
  close(rate(109), 0.55);
  close(rate(209), 0.1);
});

test("constant stays", () => {
  const rate = constant({ peak: 3, steps: 10, warmup: 2 });
  assert.deepEqual([rate(0), rate(1), rate(2), rate(9)], [1.5, 3, 3, 3]);
});

test("rates stay within 0 … peak, rise in the warm-up and never rise after it", () => {
  const shapes = fc.constantFrom<DecayShape>("linear", "cosine", "sqrt");
  fc.assert(
    fc.property(
      fc.nat(20),
      fc.nat(20),
      fc.nat(20),
      shapes,
      fc.double({ min: 0, max: 1, noNaN: true }),
      (warmup, stable, decay, shape, final) => {
        const steps = warmup + stable + decay;
        const rate = wsd({ peak: 1, steps, warmup, decay, final, shape });
        const rates = Array.from({ length: steps }, (_, step) => rate(step));
        for (const [step, value] of rates.entries()) {
          assert.ok(value >= 0 && value <= 1);
          if (step === 0) continue;
          assert.ok(step < warmup ? value > rates[step - 1] : value <= rates[step - 1] + 1e-15 || step === warmup);
        }
        if (decay > 0) close(rates[steps - 1], final);
      },
    ),
  );
});

test("schedules that cannot be are refused", () => {
  assert.throws(
    () => wsd({ peak: 1, steps: 10, warmup: 6, decay: 5 }),
    /warm-up \(6\) and decay \(5\) are longer than the run \(10 steps\)/,
  );
  assert.throws(
    () => wsd({ peak: 1, steps: 10, decay: 5, shape: "cubic" as DecayShape }),
    /shape "cubic" is none of linear, cosine, sqrt/,
  );
  assert.throws(() => wsd({ peak: Number.NaN, steps: 10, decay: 5 }), /peak NaN/);
  assert.throws(() => wsd({ peak: 1, steps: 10, decay: 5, final: 2 }), /final 2/);
  assert.throws(() => cosine({ peak: 1, steps: 1.5 }), /steps 1.5/);
  assert.throws(() => cosine({ peak: 1, steps: 5, warmup: 6 }), /longer than the run/);
});
