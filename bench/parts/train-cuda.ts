/**
 * `bench train --device cuda`: a MuonClip step of the shapes `mini` (0.72B parameters, 187M active) and `dense` (0.41B) on a GPU, batch 16
 * of 2048 tokens, beside the same in PyTorch: eager, and with torch.compile. Ours clips gradients by the global norm and keeps the largest
 * attention logits, the peer does not. FLOPs are counted as the peer counts them: causal attention, no recomputation.
 * `--shape mini|dense`, `--steps N`, `--batch N`, `--sequence N`, `--no-peer`, `--no-eager`, `--recompute none|k2|layer`.
 */
import { parseArgs } from "node:util";
import { createModel, type K2Config, preset, type RecomputeMode, recomputeModes, trainingFlops } from "@baltoro/k2";
import { createDevice, type KernelTimes, openCudaBackend } from "@baltoro/tensor";
import { createTrainStep, type MicroBatch, muonClip } from "@baltoro/training";
import { type BenchOptions, type BenchResult, type Check, figure, textTable } from "../harness.ts";
import { pythonWithTorch, runPeer } from "../peers/python.ts";
import { drawWeights } from "./random-weights.ts";

const mini = preset("k2-mini");
export const shapes: Readonly<Record<string, K2Config>> = {
  mini,
  dense: { ...mini, numHiddenLayers: 24, firstKDenseReplace: 24 },
};
const targets: Readonly<Record<string, { name: string; atLeast: number }>> = {
  mini: { name: "trainMoeVsCompiled", atLeast: 1.3 },
  dense: { name: "trainDenseVsCompiled", atLeast: 1.1 },
};

interface Timing {
  readonly tokensPerSecond: number;
  readonly milliseconds: number;
  readonly tflops: number;
  readonly hostMilliseconds: number;
  readonly loss: number;
  readonly gpu: string;
  readonly memoryGb: number;
  readonly byKernel: KernelTimes;
}

interface Options {
  readonly batch: number;
  readonly sequence: number;
  readonly steps: number;
  readonly recompute: RecomputeMode;
}

/** A micro-batch of tokens that look random, each sequence one document. */
export function drawBatch({ vocabSize }: K2Config, batch: number, sequence: number): MicroBatch {
  const rows = batch * sequence;
  const draw = (seed: number) =>
    Int32Array.from({ length: rows }, (_, i) => (((i + 1) * 2654435761 * seed) >>> 0) % (vocabSize - 256));
  return {
    tokens: draw(1),
    targets: draw(3),
    positions: Int32Array.from({ length: rows }, (_, i) => i % sequence),
    documents: new Int32Array(rows),
  };
}

async function time(config: K2Config, { batch, sequence, steps, recompute }: Options): Promise<Timing> {
  const backend = await openCudaBackend({ precision: "bf16" });
  const device = createDevice(backend);
  const model = createModel(device, config, { trainable: true });
  drawWeights(model);
  const step = createTrainStep(model, muonClip({}), { batchSize: batch, sequenceLength: sequence, recompute });
  const rows = batch * sequence;
  const micro = drawBatch(config, batch, sequence);
  let index = 0;
  const run = () => step.run([micro], { learningRate: 2e-3, step: index++ });
  const nameOf = (kernel: string, args: Readonly<Record<string, unknown>>) =>
    kernel === "gemm"
      ? `gemm ${args["batch"] === 1 ? "" : `${args["batch"]} × `}${args["m"]}·${args["n"]}·${args["k"]}`
      : kernel;
  run();
  // The first steps are enqueued kernel by kernel, later ones are replayed.
  const byKernel = await backend.profile(run, nameOf);
  for (let i = 0; i < 2; i++) run();
  await step.metrics();
  const start = performance.now();
  for (let i = 0; i < steps; i++) run();
  const enqueued = performance.now() - start;
  const { loss } = await step.metrics();
  const milliseconds = (performance.now() - start) / steps;
  const memoryGb = backend.stats().reservedBytes / 1e9;
  const gpu = backend.gpu.name;
  await device.close();
  const tokensPerSecond = (rows * 1000) / milliseconds;
  const tflops = (tokensPerSecond * trainingFlops(config, sequence)) / 1e12;
  return { tokensPerSecond, milliseconds, tflops, hostMilliseconds: enqueued / steps, loss, gpu, memoryGb, byKernel };
}

export async function run({ args }: BenchOptions): Promise<BenchResult> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      device: { type: "string" },
      shape: { type: "string", multiple: true },
      steps: { type: "string" },
      batch: { type: "string" },
      sequence: { type: "string" },
      "no-peer": { type: "boolean" },
      "no-eager": { type: "boolean" },
      recompute: { type: "string" },
    },
  });
  const recompute = recomputeModes.find((mode) => mode === (values.recompute ?? "none"));
  if (!recompute) throw new Error(`--recompute is ${values.recompute}, expected ${recomputeModes.join(", ")}`);
  const options = {
    batch: Number(values.batch ?? 16),
    sequence: Number(values.sequence ?? 2048),
    steps: Number(values.steps ?? 10),
    recompute,
  };
  const peer = values["no-peer"] ? null : pythonWithTorch();
  const figures: Record<string, unknown> = { options };
  const checks: Check[] = [];
  const lines: string[] = [];
  for (const shape of values.shape ?? Object.keys(shapes)) {
    const config = shapes[shape];
    if (!config) throw new Error(`unknown shape ${shape}: there are ${Object.keys(shapes).join(", ")}`);
    const ours = await time(config, options);
    const rows = [
      ["Baltoro", figure(ours.tokensPerSecond), figure(ours.tflops), figure(ours.milliseconds), figure(ours.memoryGb)],
    ];
    const peers: Record<string, Record<string, unknown>> = {};
    const modes = { ...(values["no-eager"] ? {} : { eager: [] }), compiled: ["--compile"] };
    for (const [name, extra] of peer ? Object.entries(modes) : []) {
      const result = runPeer(peer?.python as string, "torch_k2.py", [
        ...["--preset", shape, "--device", "cuda", "--batch", String(options.batch), "--steps", String(options.steps)],
        ...extra,
      ]);
      peers[name] = result;
      rows.push([
        `PyTorch ${peer?.torch}, ${name}`,
        ...["tokens_per_s", "tflops", "ms", "mem_gb"].map((key) => figure(Number(result[key]))),
      ]);
    }
    figures[shape] = { ours, peers };
    if (peer) {
      const { name, atLeast } = targets[shape];
      checks.push({ name, value: ours.tokensPerSecond / Number(peers["compiled"]["tokens_per_s"]), atLeast });
    }
    const total = Object.values(ours.byKernel).reduce((sum, { milliseconds }) => sum + milliseconds, 0);
    const kernels = Object.entries(ours.byKernel)
      .sort(([, a], [, b]) => b.milliseconds - a.milliseconds)
      .slice(0, 30)
      .map(([kernel, { milliseconds, calls }]) => [
        kernel,
        String(calls),
        milliseconds.toFixed(2),
        ((100 * milliseconds) / total).toFixed(1),
      ]);
    lines.push(
      `${shape}, batch ${options.batch} × ${options.sequence} on ${ours.gpu}; the host enqueues a step in ${figure(ours.hostMilliseconds)} ms`,
      ...textTable(["", "tokens/s", "TFLOP/s", "ms", "GB"], rows),
      "",
      ...textTable(["kernel", "calls", "ms", "%"], kernels),
      "",
    );
  }
  return { figures, checks, lines };
}
