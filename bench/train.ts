/**
 * Speed of a MuonClip training step of k2-nano, beside the same model in PyTorch. `--threads N`, `--steps N`, `--no-peer`.
 * `--device cuda`: of the shapes mini and dense on a GPU (parts/train-cuda.ts).
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createModel, initializeWeights, preset } from "@baltoro/k2";
import { chooseBlas, createDevice, type Device, openDevice, openWasmBackend } from "@baltoro/tensor";
import { createTrainStep, type MicroBatch, muonClip, type TrainStep } from "@baltoro/training";
import { type BenchOptions, type BenchResult, type Check, figure, median, textTable } from "./harness.ts";
import { pythonWithTorch, runPeer } from "./peers/python.ts";

const batchSize = 8;
const sequenceLength = 512;

interface StepTiming {
  readonly tokensPerSecond: number;
  readonly milliseconds: number;
  readonly matmul: string;
  readonly loss: number;
}

function inputs(): MicroBatch {
  const rows = batchSize * sequenceLength;
  const ids = (seed: number) => Int32Array.from({ length: rows }, (_, i) => (((i + 1) * 2654435761 * seed) % 3840) | 0);
  return {
    tokens: ids(1),
    targets: ids(3),
    positions: Int32Array.from({ length: rows }, (_, i) => i % sequenceLength),
    documents: new Int32Array(rows),
  };
}

function nanoStep(device: Device): TrainStep {
  const model = createModel(device, preset("k2-nano"), { trainable: true });
  initializeWeights(model, { seed: 1 });
  return createTrainStep(model, muonClip({}), { batchSize, sequenceLength });
}

/** Milliseconds of a step by kernel, on one thread, each timed on its own: the host waits after every one. */
async function timeByKernel(): Promise<Record<string, { milliseconds: number; calls: number }>> {
  const backend = await openWasmBackend({ threads: 1 });
  const times: Record<string, { milliseconds: number; calls: number }> = {};
  let counting = false;
  const device = createDevice({
    ...backend,
    enqueue(kernel, args) {
      const start = performance.now();
      backend.enqueue(kernel, args);
      backend.drain();
      if (!counting) return;
      times[kernel] ??= { milliseconds: 0, calls: 0 };
      times[kernel].milliseconds += performance.now() - start;
      times[kernel].calls++;
    },
  });
  const step = nanoStep(device);
  for (let i = 0; i < 3; i++) {
    counting = i > 0;
    step.run([inputs()], { learningRate: 2e-3, step: i });
  }
  await step.metrics();
  await device.close();
  const perStep = Object.entries(times).map(
    ([kernel, { milliseconds, calls }]) => [kernel, { milliseconds: milliseconds / 2, calls: calls / 2 }] as const,
  );
  return Object.fromEntries(perStep.sort(([, a], [, b]) => b.milliseconds - a.milliseconds));
}

/** Median time of a step: forward, backward, clipping by the global norm, MuonClip with QK-Clip, bias balancing. */
async function timeSteps(threads: number, steps: number): Promise<StepTiming> {
  const device = await openDevice("wasm", { threads });
  const step = nanoStep(device);
  const batch = inputs();
  const rows = batchSize * sequenceLength;
  const times: number[] = [];
  let loss = 0;
  for (let i = 0; i < steps + 3; i++) {
    const start = performance.now();
    step.run([batch], { learningRate: 2e-3, step: i });
    ({ loss } = await step.metrics());
    if (i >= 3) times.push(performance.now() - start);
  }
  const milliseconds = median(times);
  const { matmul } = device.description;
  await device.close();
  return { tokensPerSecond: (rows * 1000) / milliseconds, milliseconds, matmul, loss };
}

/** With nothing but what npm installs: a system BLAS is left out. */
async function withoutBlas<T>(measure: () => Promise<T>): Promise<T> {
  const before = process.env["BALTORO_BLAS"];
  process.env["BALTORO_BLAS"] = "0";
  try {
    return await measure();
  } finally {
    if (before === undefined) delete process.env["BALTORO_BLAS"];
    else process.env["BALTORO_BLAS"] = before;
  }
}

export async function run({ args }: BenchOptions): Promise<BenchResult> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      threads: { type: "string" },
      steps: { type: "string" },
      "no-peer": { type: "boolean" },
    },
  });
  const threads = Number(values.threads ?? 2);
  const steps = Number(values.steps ?? 10);
  const ours = await withoutBlas(() => timeSteps(threads, steps));
  const blas = chooseBlas().path === null ? null : await timeSteps(threads, steps);
  const rows = [ours, ...(blas ? [blas] : [])].map((timing) => [
    "Baltoro",
    timing.matmul,
    figure(timing.tokensPerSecond),
    figure(timing.milliseconds),
  ]);
  const figures: Record<string, unknown> = { threads, batchSize, sequenceLength, baltoro: ours, withSystemBlas: blas };
  const checks: Check[] = [];
  const peer = values["no-peer"] ? null : pythonWithTorch();
  if (peer) {
    const reference = join(import.meta.dirname, "../../shared/peers/torch_k2.py");
    const scripts = {
      "torch_k2.py": "torch_k2.py",
      ...(existsSync(reference) ? { "shared torch_k2.py": reference } : {}),
    };
    let fastest = 0;
    for (const [name, script] of Object.entries(scripts)) {
      const result = runPeer(peer.python, script, [
        "--preset",
        "nano",
        "--threads",
        String(threads),
        "--steps",
        String(steps),
      ]);
      const tokensPerSecond = Number(result["tokens_per_s"]);
      rows.push([name, `PyTorch ${peer.torch}`, figure(tokensPerSecond), figure(Number(result["ms"]))]);
      figures[name] = result;
      fastest = Math.max(fastest, tokensPerSecond);
    }
    checks.push({ name: "trainVsTorch", value: ours.tokensPerSecond / fastest, atLeast: 1.5 });
  }
  const byKernel = await withoutBlas(timeByKernel);
  figures["byKernel"] = byKernel;
  const total = Object.values(byKernel).reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  const shares = Object.entries(byKernel)
    .filter(([, { milliseconds }]) => milliseconds > 0.01 * total)
    .map(([kernel, { milliseconds, calls }]) => [
      kernel,
      String(calls),
      milliseconds.toFixed(1),
      `${((100 * milliseconds) / total).toFixed(1)} %`,
    ]);
  const lines = [
    `k2-nano, batch ${batchSize} × ${sequenceLength}, ${threads} threads`,
    ...textTable(["step", "backend", "tokens/s", "ms"], rows),
    "",
    "by kernel, on one thread; those of more than 1 %",
    ...textTable(["kernel", "calls", "ms", "share"], shares),
    ...(peer || values["no-peer"]
      ? []
      : ["no peer: PyTorch was not found (BALTORO_PYTHON names a Python that has it)"]),
  ];
  return { figures, checks, lines };
}
