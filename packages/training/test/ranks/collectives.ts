/** What every rank does in collectives.test.ts: random collectives against a plain oracle. All ranks draw the same cases. */
import assert from "node:assert/strict";
import {
  bytesPerElement,
  createDevice,
  type Device,
  openCudaBackend,
  openReferenceBackend,
  openWasmBackend,
  persistent,
} from "@baltoro/tensor";
import {
  type Communicator,
  hostCommunicator,
  ncclCommunicator,
  openSocketTransport,
  type RankContext,
  type SocketTransport,
} from "@baltoro/training";
import { reduceNumbers } from "../../src/distributed/nccl-agreement.ts";

export interface CollectivesTask {
  /** Directory of Unix sockets. */
  readonly sockets?: string;
  /** Ports of this machine, one for each of the {@link groups}. */
  readonly ports?: readonly number[];
  /** On "cuda" rank r has GPU r, and NCCL carries what the connections do elsewhere. */
  readonly backend: "wasm" | "reference" | "cuda";
  readonly cases: number;
  readonly seed: number;
}

const operations = ["sum", "max", "reduceScatter", "allGather", "broadcast", "allToAll", "barrier"] as const;

type ElementType = "f32" | "i32" | "bf16";

/** Numbers below n, by a linear congruence. */
function draws(seed: number): (n: number) => number {
  let state = seed >>> 0;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 32) * n;
  };
}

/** Values of rank r: small fractions of both signs whose sums depend on their order; in bf16 whole numbers, whose sums are exact. */
function valuesOf(seed: number, rank: number, count: number, dtype: ElementType): Float32Array | Int32Array {
  const next = draws(seed * 7919 + rank * 104729 + 1);
  if (dtype === "bf16") return Float32Array.from({ length: count }, () => Math.floor(next(100)) - 50);
  return dtype === "i32"
    ? Int32Array.from({ length: count }, () => Math.floor(next(2000)) - 1000)
    : Float32Array.from({ length: count }, () => (next(1) - 0.5) * 10 ** Math.floor(next(6)));
}

/** Every operation comes up, with few elements and with many. */
function drawCases(seed: number, cases: number, size: number): Case[] {
  const next = draws(seed);
  const whole = (n: number) => Math.floor(next(n));
  const dtypes = ["f32", "i32", "bf16"] as const;
  return Array.from({ length: cases }, (_, i) => ({
    operation: operations[i % operations.length],
    count: 1 + (next(1) < 0.5 ? whole(40) : 40 + whole(8960)),
    root: whole(size),
    dtype: dtypes[whole(3)],
    inPlace: next(1) < 0.5,
    seed: whole(1e6),
  }));
}

/** Groups over sockets or TCP that are joined and left one after the other: a rank must be free to leave right after its last round. */
export const groups = 3;

/** Collectives of a device whose ranks met over connections; what hosts agree on is checked first. */
async function over(device: Device, transport: SocketTransport): Promise<Communicator> {
  const { rank, size } = transport;
  const all = Array.from({ length: size }, (_, of) => [of + 0.1, -of / 3]);
  for (const [op, put] of [
    ["sum", (a: number, b: number) => a + b],
    ["max", Math.max],
  ] as const)
    assert.deepEqual(
      reduceNumbers(transport, all[rank], op),
      [0, 1].map((i) => all.map((numbers) => numbers[i]).reduce((a, b) => put(a, b))),
    );
  return device.description.kind === "cuda"
    ? ncclCommunicator(device, transport, 60)
    : hostCommunicator(device, transport);
}

/** Runs the cases; resolves to how many elements were compared. @throws on the first difference. */
export async function rank(context: RankContext, data: unknown): Promise<number> {
  const { sockets, ports, backend, cases, seed } = data as CollectivesTask;
  const meets = sockets !== undefined || ports !== undefined;
  const device = createDevice(
    backend === "cuda"
      ? await openCudaBackend({ ordinal: context.rank })
      : backend === "wasm"
        ? await openWasmBackend({ threads: 1 })
        : openReferenceBackend(),
  );
  const drawn = drawCases(seed, cases, context.size);
  let compared = 0;
  for (let group = 0; group < (meets ? groups : 1); group++) {
    const place = ports
      ? { rendezvous: { host: "127.0.0.1", port: ports[group], group: "collectives" } }
      : { directory: `${sockets}/${group}` };
    const communicator = meets
      ? await over(device, await openSocketTransport({ ...context, ...place, capacity: 1024, limitSeconds: 20 }))
      : context.communicator(device);
    for (const [i, drawnCase] of drawn.entries())
      if (!meets || i % groups === group) compared += await check(device, communicator, drawnCase);
    await communicator.close();
  }
  await device.close();
  return compared;
}

interface Case {
  readonly operation: (typeof operations)[number];
  readonly count: number;
  readonly root: number;
  readonly dtype: ElementType;
  readonly inPlace: boolean;
  readonly seed: number;
}

async function check(device: Device, communicator: Communicator, drawn: Case): Promise<number> {
  const { operation, root, seed } = drawn;
  const { rank, size } = communicator;
  if (operation === "barrier") {
    await communicator.barrier();
    return 0;
  }
  // In place, a part begins at a multiple of 64 bytes.
  const count = drawn.inPlace ? Math.ceil(drawn.count / 32) * 32 : drawn.count;
  const reduces = operation === "sum" || operation === "max" || operation === "reduceScatter";
  // CPU ranks have no bf16.
  const onGpu = device.description.kind === "cuda";
  const moved = drawn.dtype === "bf16" && !onGpu ? "f32" : drawn.dtype;
  const dtype = moved === "i32" && reduces ? "f32" : moved;
  const floats = dtype === "i32" ? "f32" : dtype;
  const inputCount = operation === "reduceScatter" || operation === "allToAll" ? size * count : count;
  const inputs = Array.from({ length: size }, (_, of) => valuesOf(seed, of, inputCount, dtype));
  const round = device.description.kind === "reference" ? (value: number) => value : Math.fround;
  const fold = (at: number, op: (a: number, b: number) => number) =>
    inputs.map((values) => values[at]).reduce((a, b) => round(op(a, b)));
  const add = (a: number, b: number) => a + b;
  const expected: ArrayLike<number> = {
    sum: () => Array.from({ length: count }, (_, i) => fold(i, add)),
    max: () => Array.from({ length: count }, (_, i) => fold(i, Math.max)),
    reduceScatter: () => Array.from({ length: count }, (_, i) => fold(rank * count + i, add)),
    allGather: () => inputs.flatMap((values) => Array.from(values)),
    broadcast: () => Array.from(inputs[root]),
    allToAll: () => inputs.flatMap((values) => Array.from(values.subarray(rank * count, (rank + 1) * count))),
  }[operation]();

  const outputCount = operation === "allGather" || operation === "allToAll" ? size * count : count;
  const input = persistent(device, [Math.max(inputCount, drawn.inPlace ? size * count : 0)], dtype, "input");
  const output = persistent(device, [outputCount], dtype, "output");
  const bytes = count * bytesPerElement[dtype];
  const own = (tensor: typeof input) => device.backend.slice(tensor.buffer, rank * bytes, bytes, dtype);
  let result = output;
  if (operation === "allGather" && drawn.inPlace) {
    const whole = new Array<number>(size * count).fill(0);
    for (const [i, value] of inputs[rank].entries()) whole[rank * count + i] = value;
    input.write(whole);
  } else if (inputCount === input.size) input.write(inputs[rank]);
  else input.write([...inputs[rank], ...new Array<number>(input.size - inputCount).fill(0)]);
  switch (operation) {
    case "sum":
    case "max":
      communicator.allReduce(input.buffer, count, operation, floats);
      result = input;
      break;
    case "reduceScatter":
      communicator.reduceScatter(input.buffer, drawn.inPlace ? own(input) : output.buffer, count, floats);
      break;
    case "allGather":
      communicator.allGather(
        drawn.inPlace ? own(input) : input.buffer,
        drawn.inPlace ? input.buffer : output.buffer,
        count,
        dtype,
      );
      if (drawn.inPlace) result = input;
      break;
    case "broadcast":
      communicator.broadcast(input.buffer, count, root, dtype);
      result = input;
      break;
    case "allToAll":
      communicator.allToAll(input.buffer, output.buffer, count, dtype);
  }
  // What is enqueued after the collective must see its result.
  const seen = persistent(device, [result.size], dtype, "seen");
  device.backend.enqueue("copy3d", {
    src: result.buffer,
    dst: seen.buffer,
    n0: 1,
    n1: 1,
    n2: result.size,
    srcOffset: 0,
    src0: 0,
    src1: 0,
    dstOffset: 0,
    dst0: 0,
    dst1: 0,
    accumulate: 0,
  });
  const values = await seen.read();
  const from = operation === "reduceScatter" && drawn.inPlace ? await input.read() : values;
  const offset = operation === "reduceScatter" && drawn.inPlace ? rank * count : 0;
  for (let i = 0; i < outputCount; i++) {
    if (from[offset + i] !== expected[i])
      throw new Error(
        `rank ${rank}, ${JSON.stringify(drawn)}: element ${i} is ${from[offset + i]}, not ${expected[i]}`,
      );
  }
  for (const tensor of [input, output, seen]) tensor.release();
  return outputCount;
}
