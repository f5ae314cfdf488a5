/**
 * `bench attention --device cuda`: forward and backward of causal attention in bf16 on a GPU, our kernels of warpgroups and of warps, beside
 * those that PyTorch offers (cuDNN's, FlashAttention, memory-efficient) in the same session. Milliseconds of the device, medians.
 * TFLOP/s count what causality leaves: two products forward, five backward, whatever a kernel computes twice.
 * `--no-peer`; `--shape BATCH,SEQUENCE,HEADS,QK_DIM,V_DIM`, repeatable.
 */
import { parseArgs } from "node:util";
import { type CudaBackend, openCudaBackend } from "@baltoro/tensor";
import { type BenchOptions, type BenchResult, figure, median, textTable } from "../harness.ts";
import { pythonWithTorch, runPeer } from "../peers/python.ts";

/** Of `bench train`, longer, and with heads that FlashAttention is tuned for. */
const shapes = ["16,2048,8,192,128", "2,16384,8,192,128", "16,2048,8,128,128"];
const rounds = 20;

interface Shape {
  readonly batch: number;
  readonly sequence: number;
  readonly heads: number;
  readonly qkDim: number;
  readonly vDim: number;
}

interface Times {
  readonly forward: number;
  readonly backward: number;
  /** By CUDA function. */
  readonly functions: Readonly<Record<string, number>>;
}

function parseShape(text: string): Shape {
  const [batch, sequence, heads, qkDim, vDim] = text.split(",").map(Number);
  return { batch, sequence, heads, qkDim, vDim };
}

function flops({ batch, sequence, heads, qkDim, vDim }: Shape): { forward: number; backward: number } {
  const product = batch * heads * sequence ** 2;
  return { forward: product * (qkDim + vDim), backward: product * (3 * qkDim + 2 * vDim) };
}

/** Scale is 1 / √qkDim for kernels of warpgroups; the same negative is left to those of warps, and is as much work. */
async function time(backend: CudaBackend, shape: Shape, sign: 1 | -1): Promise<Times> {
  const rows = shape.batch * shape.sequence * shape.heads;
  const sizes = { ...shape, causal: 1, scale: sign / Math.sqrt(shape.qkDim) };
  const state = backend.alloc(64, "random state", "i32");
  backend.write(state, "i32", [1, 2, 3, 4]);
  const half = backend.alloc(64, "half");
  backend.write(half, "f32", [-0.5]);
  const random = (label: string, n: number, stream: number) => {
    const y = backend.alloc(2 * n, label, "bf16");
    backend.enqueue("randomUniform", { state, y, n, stream });
    backend.enqueue("binary", {
      ...{ a: y, b: half, y, rows: n, columns: 1, aRow: 1, aColumn: 1, bRow: 0, bColumn: 0, op: 0 },
    });
    return y;
  };
  const [q, k] = ["q", "k"].map((label, i) => random(label, rows * shape.qkDim, i));
  const [v, dout] = ["v", "dout"].map((label, i) => random(label, rows * shape.vDim, i + 2));
  const [dq, dk] = ["dq", "dk"].map((label) => backend.alloc(2 * rows * shape.qkDim, label, "bf16"));
  const [out, dv] = ["out", "dv"].map((label) => backend.alloc(2 * rows * shape.vDim, label, "bf16"));
  const [lse, rowMax, delta] = ["lse", "rowMax", "delta"].map((label) => backend.alloc(4 * rows, label));
  const documents = backend.alloc(4 * shape.batch * shape.sequence, "documents", "i32");
  backend.write(documents, "i32", new Int32Array(shape.batch * shape.sequence));
  const forward = () => backend.enqueue("attentionForward", { q, k, v, documents, out, lse, rowMax, ...sizes });
  const given = { dout, q, k, v, out, documents, lse, delta };
  const backward = () => backend.enqueue("attentionBackward", { ...given, dq, dk, dv, ...sizes });
  const medianOf = async (work: () => void) => {
    const times: number[] = [];
    for (let round = 0; round < rounds + 5; round++) times.push(await backend.time(work));
    return median(times.slice(5));
  };
  const times = { forward: await medianOf(forward), backward: await medianOf(backward) };
  const functions = await backend.profileFunctions(() => {
    for (let round = 0; round < rounds; round++) {
      forward();
      backward();
    }
  });
  for (const buffer of [state, half, q, k, v, dout, dq, dk, out, dv, lse, rowMax, delta, documents])
    backend.free(buffer);
  return {
    ...times,
    functions: Object.fromEntries(
      Object.entries(functions).map(([name, { milliseconds, calls }]) => [name, milliseconds / calls]),
    ),
  };
}

export async function run({ args }: BenchOptions): Promise<BenchResult> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      device: { type: "string" },
      shape: { type: "string", multiple: true },
      "no-peer": { type: "boolean" },
    },
  });
  const python = values["no-peer"] ? null : pythonWithTorch();
  const figures: Record<string, unknown> = {};
  const lines: string[] = [];
  for (const text of values.shape ?? shapes) {
    const shape = parseShape(text);
    const backend = await openCudaBackend({ precision: "bf16" });
    const gpu = backend.gpu.name;
    const ours = { warpgroups: await time(backend, shape, 1), warps: await time(backend, shape, -1) };
    await backend.close();
    const peer = python ? runPeer(python.python, "torch_attention.py", text.split(",")) : null;
    figures[text] = { gpu, ours, peer };
    const work = flops(shape);
    const row = (name: string, { forward, backward }: { forward: number; backward: number }) => [
      name,
      ...[forward, work.forward / forward / 1e9, backward, work.backward / backward / 1e9].map(figure),
    ];
    const theirs = Object.entries((peer?.["result"] ?? {}) as Record<string, Times | { error: string }>);
    lines.push(
      `${shape.batch} × ${shape.sequence}, ${shape.heads} heads of ${shape.qkDim} and ${shape.vDim}, on ${gpu}`,
      ...textTable(
        ["", "forward ms", "TFLOP/s", "backward ms", "TFLOP/s"],
        [
          row("Baltoro, warpgroups", ours.warpgroups),
          row("Baltoro, warps", ours.warps),
          ...theirs.map(([name, result]) =>
            "error" in result ? [name, result.error, "", "", ""] : row(`PyTorch ${python?.torch}, ${name}`, result),
          ),
        ],
      ),
      ...Object.values(ours).map(({ functions }) =>
        Object.entries(functions)
          .map(([name, milliseconds]) => `${name} ${milliseconds.toFixed(3)}`)
          .join(", "),
      ),
      "",
    );
  }
  return { figures, checks: [], lines };
}
