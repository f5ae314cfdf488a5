/** YaRN against its formulas (arXiv 2309.00071 §3.2–3.4), derived here from wavelengths rather than pair indices. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import {
  type K2Config,
  parseConfig,
  preset,
  ropeFrequencies,
  ropeTables,
  softmaxScale,
  yarnMscale,
  yarnRange,
} from "@baltoro/k2";

const published = JSON.parse(
  readFileSync(join(import.meta.dirname, "../fixtures/configs/kimi-k2-instruct.json"), "utf8"),
) as Record<string, unknown>;
const kimi = parseConfig(published);

/** With betas 32 and 1, as DeepSeek-V3 has them, pairs between the two bounds are mixed. */
const mixed: K2Config = {
  ...kimi,
  ropeTheta: 10000,
  ropeScaling: {
    factor: 40,
    betaFast: 32,
    betaSlow: 1,
    mscale: 0.7,
    mscaleAllDim: 0.9,
    originalMaxPositionEmbeddings: 4096,
  },
};

/** Pairs that turn at least `rotations` times within the original length keep ahead of this pair (real-valued). */
function pairWith(rotations: number, { qkRopeHeadDim, ropeTheta, ropeScaling }: K2Config): number {
  const length = ropeScaling?.originalMaxPositionEmbeddings ?? 0;
  // θ^(2i/d) · 2π = length / rotations, solved by bisection over i.
  let [low, high] = [0, qkRopeHeadDim];
  for (let i = 0; i < 100; i++) {
    const middle = (low + high) / 2;
    if (2 * Math.PI * ropeTheta ** ((2 * middle) / qkRopeHeadDim) < length / rotations) low = middle;
    else high = middle;
  }
  return low;
}

test("Kimi K2: pairs 0 … 19 keep their frequency, pairs 20 … 31 turn 32 times slower", () => {
  assert.ok(Math.abs(pairWith(1, kimi) - 19.16) < 0.01);
  assert.deepEqual(yarnRange(kimi, kimi.ropeScaling ?? assert.fail()), { low: 19, high: 20 });
  const frequencies = ropeFrequencies(kimi);
  assert.equal(frequencies.length, 32);
  for (const [i, frequency] of frequencies.entries()) {
    const expected = Math.exp(-Math.log(50000) * (i / 32)) / (i <= 19 ? 1 : 32);
    assert.ok(Math.abs(frequency - expected) <= 1e-12 * expected, `pair ${i}: ${frequency}, expected ${expected}`);
  }
  // The last pair that is kept turns at least once within the original 4096 positions.
  assert.ok((frequencies[19] * 4096) / (2 * Math.PI) >= 1 && (frequencies[20] * 32 * 4096) / (2 * Math.PI) < 1);
});

test("between the bounds the frequencies are mixed along a ramp", () => {
  const scaling = mixed.ropeScaling ?? assert.fail();
  const [first, last] = [Math.floor(pairWith(32, mixed)), Math.ceil(pairWith(1, mixed))];
  assert.deepEqual(yarnRange(mixed, scaling), { low: first, high: last });
  assert.ok(last - first > 5);
  for (const [i, frequency] of ropeFrequencies(mixed).entries()) {
    const base = 10000 ** (-i / 32);
    const kept = i <= first ? 1 : i >= last ? 0 : (last - i) / (last - first);
    const expected = base * kept + (base / 40) * (1 - kept);
    assert.ok(Math.abs(frequency - expected) <= 1e-12 * expected, `pair ${i}`);
  }
});

test("without scaling, frequencies are powers of θ", () => {
  const plain = { ...kimi, ropeScaling: null };
  for (const [i, frequency] of ropeFrequencies(plain).entries())
    assert.ok(Math.abs(frequency - 50000 ** (-(2 * i) / 64)) <= 1e-15);
  assert.deepEqual(
    ropeFrequencies({ ...kimi, ropeScaling: { ...(kimi.ropeScaling ?? assert.fail()), factor: 1 } }),
    ropeFrequencies(plain),
  );
});

test("mscale: K2 sharpens its softmax by 1.81326 and leaves cosines and sines at their size", () => {
  assert.ok(Math.abs(yarnMscale(32, 1) - 1.34657) < 1e-5);
  assert.ok(Math.abs(yarnMscale(32, 1) ** 2 - 1.81326) < 1e-5);
  assert.equal(yarnMscale(1, 1), 1);
  assert.equal(yarnMscale(0.5, 1), 1);
  assert.ok(Math.abs(softmaxScale(kimi) - 0.13086) < 1e-5);
  assert.ok(Math.abs(softmaxScale({ ...kimi, ropeScaling: null }) - 0.07217) < 1e-5);
  const { cos } = ropeTables(kimi, 2);
  assert.equal(cos[0], 1);
  const magnitude = (0.1 * 0.7 * Math.log(40) + 1) / (0.1 * 0.9 * Math.log(40) + 1);
  assert.equal(ropeTables(mixed, 1).cos[0], Math.fround(magnitude));
  assert.ok(Math.abs(softmaxScale(mixed) - 192 ** -0.5 * (0.09 * Math.log(40) + 1) ** 2) < 1e-12);
});

test("a config without mscale_all_dim leaves the softmax alone and scales the tables", () => {
  const { mscale_all_dim: _, ...scaling } = published["rope_scaling"] as Record<string, unknown>;
  const config = parseConfig({ ...published, rope_scaling: scaling });
  assert.equal(softmaxScale(config), 192 ** -0.5);
  assert.equal(ropeTables(config, 1).cos[0], Math.fround(yarnMscale(32, 1)));
});

test("the tables hold float64 angles, also far beyond the original length", () => {
  const positions = 20_000;
  const { cos, sin } = ropeTables(kimi, positions);
  assert.equal(cos.length, positions * 32);
  for (const position of [0, 1, 4095, 4096, 4097, 19_999]) {
    for (const pair of [0, 7, 19, 20, 31]) {
      const frequency = Math.exp(-Math.log(50000) * (pair / 32)) / (pair <= 19 ? 1 : 32);
      const at = position * 32 + pair;
      assert.ok(Math.abs(cos[at] - Math.cos(position * frequency)) < 1e-6, `cos ${position}, ${pair}`);
      assert.ok(Math.abs(sin[at] - Math.sin(position * frequency)) < 1e-6, `sin ${position}, ${pair}`);
    }
  }
  // Angles computed in f32 would be off by much more than that there.
  assert.ok(Math.abs(Math.cos(Math.fround(19_999 * Math.fround(0.9))) - Math.cos(19_999 * 0.9)) > 1e-4);
});

test("all 131,072 positions of K2 are told apart by its slow pairs", () => {
  const frequencies = ropeFrequencies(kimi);
  assert.ok(frequencies[31] * 131_072 < Math.PI, "the slowest pair turns by more than half a circle");
  assert.ok(50000 ** (-31 / 32) * 131_072 > Math.PI, "without YaRN it would not need to be slower");
  assert.equal(preset("k2-nano").ropeScaling, null);
});
