/** A result whose numbers are known: what a report must show of it can be written down. */
import { simulationConfig } from "../src/simulator/config.ts";
import type { Distribution, SimulationResult } from "../src/simulator/result.ts";

function distribution(scale: number): Distribution {
  return {
    count: 900,
    mean: scale,
    p50: scale * 0.8,
    p90: scale * 2,
    p95: scale * 2.6,
    p99: scale * 4,
    max: scale * 7,
  };
}

const steps = 708;
const wave = (i: number, period: number, shift = 0) => Math.sin((2 * Math.PI * (i + shift)) / period);
const column = (value: (i: number) => number) =>
  Array.from({ length: steps }, (_, i) => Math.max(0, Number(value(i).toPrecision(6))));

/** 1,000 requests on 3P2D: 850 effective, 50 slow, 80 rejected at arrival, 15 before decode, 5 impossible. */
export function fakeResult(change: Partial<SimulationResult> = {}): SimulationResult {
  const config = simulationConfig({ cluster: "3P2D", policy: "min", admission: "baseline", seed: 7 });
  return {
    version: 1,
    config,
    trace: {
      name: "my <log>.jsonl",
      format: "mooncake",
      sha256: "b8cbb061a85206d729d91cdc2981f43c9e0d99209dce588d3af5f7934408b9df",
      blockSize: 512,
      requests: 1000,
      spanMs: 3_536_999,
      blockIds: 5000,
      sharing: true,
      skippedLines: 3,
      changes: ["speed 2"],
    },
    cost: { name: "equation-1", version: "1", notes: ["Equation 1 of FAST'25 §2 with MFU 0.5."] },
    policy: "min",
    admission: "baseline",
    virtualMs: 3_540_000,
    events: 123_456,
    requests: {
      total: 1000,
      completed: 900,
      rejected: 95,
      impossible: 5,
      effective: 850,
      rejections: [
        { stage: "arrival", limit: "ttft", count: 80 },
        { stage: "decode", limit: "tbt", count: 15 },
      ],
      preemptions: 2,
    },
    latencies: {
      ttftMs: distribution(4210),
      tbtMs: distribution(61),
      tpotMs: distribution(48),
      itlMs: distribution(49),
      e2eMs: distribution(21_500),
      queueMs: distribution(2900),
      prefillMs: distribution(1310),
      handoffMs: distribution(12),
    },
    attainment: {
      ttft: 0.91,
      tbt: 0.88,
      effective: 0.85,
      goodputPerSecond: 0.2401,
      outputTokensPerSecond: 87.3,
      inputTokensPerSecond: 3071,
    },
    cache: {
      promptTokens: 10_800_000,
      hitTokens: { device: 0, dram: 2_900_000, ssd: 0, remote: 410_000 },
      hitRatio: 0.3065,
      infiniteHitRatio: 0.3736,
      wastedPrefillTokens: 172_000,
      computedPrefillTokens: 7_490_000,
      evictedBlocks: { device: 0, dram: 4321, ssd: 0 },
      storedBlocks: 15_300,
      hotBlocks: Array.from({ length: 100 }, (_, i) => ({
        block: i,
        uses: Math.round(1000 / (i + 1)),
        replicas: i < 5 ? 3 : i < 30 ? 2 : 1,
      })),
    },
    transfers: {
      prefixBytes: 134e9,
      handoffBytes: 3.9e12,
      ssdBytes: 0,
      flows: 1310,
      meanSlowdown: 1.17,
      meanLinkUtilization: 0.021,
      maxLinkUtilization: 0.074,
    },
    series: {
      atMs: column((i) => (i + 1) * 5000),
      prefillQueue: column((i) => Math.round(5 + 5 * wave(i, 90))),
      decodeBatch: column((i) => Math.round(22 + 9 * wave(i, 90, 40))),
      decodeQueue: column((i) => Math.round(2 * wave(i, 90, 40))),
      prefillLoad: column((i) => 0.6 + 0.5 * wave(i, 90) + 0.07 * wave(i, 7)),
      decodeLoad: column((i) => 0.7 + 0.2 * wave(i, 90, 40) + 0.03 * wave(i, 5)),
      prefillUtilization: column((i) => 0.7 + 0.25 * wave(i, 90)),
      linkUtilization: column((i) => 0.03 + 0.02 * wave(i, 60)),
      arrivals: column((i) => 1 + (i % 3 === 0 ? 1 : 0)),
      rejections: column((i) => (wave(i, 90) > 0.8 ? 1 : 0)),
      completions: column((i) => 1 + (i % 4 === 0 ? 1 : 0)),
    },
    oscillation: {
      correlation: -0.62,
      worstCorrelation: -0.81,
      worstShiftMs: 15_000,
      prefillAmplitude: 0.35,
      decodeAmplitude: 0.14,
      rejectionBurstiness: 2.4,
    },
    nodes: Array.from({ length: 5 }, (_, worker) => ({
      worker,
      name: worker < 3 ? `prefill-${worker}` : `decode-${worker - 3}`,
      role: worker < 3 ? ("prefill" as const) : ("decode" as const),
      prefillUtilization: worker < 3 ? 0.6 + 0.1 * worker : 0,
      decodeUtilization: worker < 3 ? 0 : 0.9 - 0.1 * (worker - 3),
      prefills: worker < 3 ? 300 : 0,
      decodes: worker < 3 ? 0 : 450,
      hitTokens: worker < 3 ? 1_100_000 : 0,
      evictedBlocks: worker < 3 ? 1440 : 0,
      blocksAtEnd: worker < 3 ? 5100 : 0,
      sentBytes: worker < 3 ? 1.3e12 : 0,
      receivedBytes: worker < 3 ? 45e9 : 1.95e12,
      meanDecodeBatch: worker < 3 ? 0 : 11.3,
    })),
    roleSwitches: [],
    predictions: {
      ttft: { count: 905, meanRelative: 0.08, p90Relative: 0.21, maxRelative: 1.4, bias: -0.03 },
      tbt: null,
    },
    notModelled: ["tensor-parallel stragglers", "failures of nodes"],
    ...change,
  };
}
