import type { BufferHandle, Device, DType, TensorData } from "@baltoro/tensor";
import { type Communicator, RankError } from "./communicator.ts";
import type { Exchange, Operation, Region, Transport } from "./transport.ts";

/** Elements up to which an all-reduce sends everything to everyone: one round of latency instead of two. */
const smallReduce = 4096;

/**
 * Collectives for devices whose memory is the host's: the queue is drained, and the transport works on the memory. Sums are taken in
 * the order of the ranks, each addition rounded to the element type.
 *
 * @throws Error for a device without `hostView` (CUDA has NCCL).
 */
export function hostCommunicator(device: Device, transport: Transport): Communicator {
  const { backend } = device;
  const { rank, size, capacity } = transport;
  if (!backend.hostView)
    throw new Error(`ranks: the ${device.description.kind} device does not share its memory with the host`);
  const peers = Array.from({ length: size }, (_, peer) => peer).filter((peer) => peer !== rank);
  const nothing = new Array<number>(size).fill(0);
  const counts = (bytes: (peer: number) => number) => nothing.map((_, peer) => (peer === rank ? 0 : bytes(peer)));

  function view(buffer: BufferHandle, dtype: DType, count: number, operation: Operation): TensorData {
    try {
      return backend.hostView?.(buffer, dtype, count) as TensorData;
    } catch (error) {
      throw new RankError(rank, operation, (error as Error).message);
    }
  }

  /** Elements of one chunk, a multiple of 64 bytes. */
  const chunkOf = (data: TensorData) => capacity / data.BYTES_PER_ELEMENT;
  const send = (peer: number, data: TensorData) => like(data, transport.outgoing(peer), data.length).set(data);
  const received = (peer: number, data: TensorData, length: number) => like(data, transport.incoming(peer), length);

  /** into = own and the peers' values, put together in the order of the ranks. `own` may be `into`. */
  function reduce(into: TensorData, own: TensorData, op: "sum" | "max"): void {
    const total = rank === 0 ? own.slice() : received(0, own, own.length).slice();
    for (let peer = 1; peer < size; peer++) {
      const values = peer === rank ? own : received(peer, own, own.length);
      if (op === "sum") for (let i = 0; i < total.length; i++) total[i] += values[i];
      else for (let i = 0; i < total.length; i++) total[i] = Math.max(total[i], values[i]);
    }
    into.set(total);
  }

  /** One round per chunk: every peer is sent part(peer) of [start, end), and `take` uses what came. */
  function rounds(
    call: Exchange,
    count: number,
    like: TensorData,
    part: (peer: number, start: number, end: number) => TensorData | null,
    take: (start: number, end: number) => void,
  ): void {
    const chunk = chunkOf(like);
    for (let start = 0; start < count; start += chunk) {
      const end = Math.min(start + chunk, count);
      const bytes = counts((peer) => {
        const data = part(peer, start, end);
        if (data) send(peer, data);
        return data?.byteLength ?? 0;
      });
      transport.exchange(call, bytes);
      take(start, end);
    }
  }

  /** whole [size · count]: part r = Σ parts r, on rank r only. */
  function scatterSums(call: Exchange, whole: TensorData, output: TensorData, count: number, op: "sum" | "max"): void {
    const at = (peer: number, start: number, end: number) => whole.subarray(peer * count + start, peer * count + end);
    rounds(call, count, whole, at, (start, end) => reduce(output.subarray(start, end), at(rank, start, end), op));
  }

  function gatherParts(call: Exchange, input: TensorData, whole: TensorData, count: number): void {
    const own = whole.subarray(rank * count, (rank + 1) * count);
    if (own.buffer !== input.buffer || own.byteOffset !== input.byteOffset) own.set(input);
    rounds(
      call,
      count,
      whole,
      (_, start, end) => own.subarray(start, end),
      (start, end) => {
        for (const peer of peers)
          whole.subarray(peer * count + start, peer * count + end).set(received(peer, whole, end - start));
      },
    );
  }

  return {
    rank,
    size,
    capturable: false,
    allReduce(buffer, count, op, dtype = "f32") {
      const call: Exchange = { operation: "allReduce", count };
      const data = view(buffer, dtype, count, call.operation);
      if (count <= smallReduce) {
        const take = (start: number, end: number) => reduce(data.subarray(start, end), data.subarray(start, end), op);
        rounds(call, count, data, (_, start, end) => data.subarray(start, end), take);
        return;
      }
      const each = Math.ceil(count / size);
      // The ranks' parts are equally long but for the end, which zeros fill.
      const whole = each * size === count ? data : enlarged(data, each * size);
      const own = whole.subarray(rank * each, (rank + 1) * each);
      scatterSums(call, whole, own, each, op);
      gatherParts(call, own, whole, each);
      if (whole !== data) data.set(whole.subarray(0, count));
    },
    reduceScatter(input, output, count, dtype = "f32") {
      const call: Exchange = { operation: "reduceScatter", count };
      const whole = view(input, dtype, size * count, call.operation);
      scatterSums(call, whole, view(output, dtype, count, call.operation), count, "sum");
    },
    allGather(input, output, count, dtype = "f32") {
      const call: Exchange = { operation: "allGather", count };
      const whole = view(output, dtype, size * count, call.operation);
      gatherParts(call, view(input, dtype, count, call.operation), whole, count);
    },
    broadcast(buffer, count, root, dtype = "f32") {
      const call: Exchange = { operation: "broadcast", count };
      if (!Number.isInteger(root) || root < 0 || root >= size)
        throw new RankError(rank, "broadcast", `root ${root} is no rank of ${size}`);
      const data = view(buffer, dtype, count, call.operation);
      rounds(
        call,
        count,
        data,
        (_, start, end) => (rank === root ? data.subarray(start, end) : null),
        (start, end) => {
          if (rank !== root) data.subarray(start, end).set(received(root, data, end - start));
        },
      );
    },
    allToAll(input, output, count, dtype = "f32") {
      const call: Exchange = { operation: "allToAll", count };
      const from = view(input, dtype, size * count, call.operation);
      const to = view(output, dtype, size * count, call.operation);
      to.subarray(rank * count, (rank + 1) * count).set(from.subarray(rank * count, (rank + 1) * count));
      rounds(
        call,
        count,
        from,
        (peer, start, end) => from.subarray(peer * count + start, peer * count + end),
        (start, end) => {
          for (const peer of peers)
            to.subarray(peer * count + start, peer * count + end).set(received(peer, to, end - start));
        },
      );
    },
    async barrier(limitSeconds) {
      await transport.meet({ operation: "barrier", count: 0 }, limitSeconds);
    },
    abort: (reason) => transport.abort(reason),
    close: () => transport.close(),
  };
}

/** A view of the same element type on other memory. */
function like(data: TensorData, { buffer, byteOffset }: Region, length: number): TensorData {
  if (data instanceof Float32Array) return new Float32Array(buffer, byteOffset, length);
  if (data instanceof Int32Array) return new Int32Array(buffer, byteOffset, length);
  return new Float64Array(buffer, byteOffset, length);
}

function enlarged(data: TensorData, length: number): TensorData {
  const result = data instanceof Float32Array ? new Float32Array(length) : new Float64Array(length);
  result.set(data);
  return result;
}
