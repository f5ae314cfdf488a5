import type { BufferHandle } from "../../backend.ts";
import { bytesPerElement, type DType } from "../../dtype.ts";
import type { CudaBackend, DeviceRange } from "./backend.ts";
import type { Handle } from "./driver.ts";
import { type Nccl, ncclOps, ncclTypes } from "./nccl.ts";

/**
 * Collectives of one rank that are enqueued on the stream of its device, in the order of the kernels. Counts are elements; none of them waits,
 * and each may be part of a captured graph.
 */
export interface NcclCollectives {
  /** buffer [count] = what the ranks hold, put together. */
  allReduce(buffer: BufferHandle, count: number, op: "sum" | "max", dtype: DType): void;
  /** output [count] = Σ over the ranks of their input [size · count] at rank · count. */
  reduceScatter(input: BufferHandle, output: BufferHandle, count: number, dtype: DType): void;
  /** output [size · count] = the ranks' inputs [count]. */
  allGather(input: BufferHandle, output: BufferHandle, count: number, dtype: DType): void;
  /** buffer [count] = that of rank `root`. */
  broadcast(buffer: BufferHandle, count: number, root: number, dtype: DType): void;
  /** output [size · count]: part p is part `rank` of rank p's input: a send and a receive for each rank, in one group. */
  allToAll(input: BufferHandle, output: BufferHandle, count: number, dtype: DType): void;
}

/** A communicator of NCCL, in this process. */
export interface NcclComm {
  readonly nccl: Nccl;
  readonly comm: Handle;
  readonly rank: number;
  readonly size: number;
}

/** @throws NcclError from a collective that NCCL refuses; Error where a buffer is too short or holds another type. */
export function ncclCollectives(
  { nccl, comm, rank, size }: NcclComm,
  backend: Pick<CudaBackend, "foreign">,
): NcclCollectives {
  /** Checks lengths and types, and enqueues `call` with the addresses. */
  function enqueue(
    use: string,
    buffers: readonly { readonly buffer: BufferHandle; readonly count: number; readonly written: boolean }[],
    dtype: DType,
    call: (addresses: readonly Handle[], type: number, stream: Handle) => void,
  ): void {
    // Codes without their scales mean nothing, and no rank shares weights for inference.
    if (dtype === "fp8e4m3")
      throw new Error(`${use}: ${dtype} does not travel between ranks: expected f32, bf16 or i32`);
    const all = buffers.map(({ buffer }) => buffer);
    const written = buffers.filter((one) => one.written).map(({ buffer }) => buffer);
    backend.foreign(use, { all, written }, (ranges, stream) => {
      for (const [i, range] of ranges.entries()) checkRange(use, range, buffers[i].count, dtype);
      call(
        ranges.map(({ address }) => address),
        ncclTypes[dtype],
        stream,
      );
    });
  }

  return {
    allReduce(buffer, count, op, dtype) {
      enqueue("allReduce", [{ buffer, count, written: true }], dtype, ([at], type, stream) =>
        nccl.call("ncclAllReduce", at, at, count, type, ncclOps[op], comm, stream),
      );
    },
    reduceScatter(input, output, count, dtype) {
      const buffers = [
        { buffer: input, count: size * count, written: false },
        { buffer: output, count, written: true },
      ];
      enqueue("reduceScatter", buffers, dtype, ([from, to], type, stream) =>
        nccl.call("ncclReduceScatter", from, to, count, type, ncclOps.sum, comm, stream),
      );
    },
    allGather(input, output, count, dtype) {
      const buffers = [
        { buffer: input, count, written: false },
        { buffer: output, count: size * count, written: true },
      ];
      enqueue("allGather", buffers, dtype, ([from, to], type, stream) =>
        nccl.call("ncclAllGather", from, to, count, type, comm, stream),
      );
    },
    broadcast(buffer, count, root, dtype) {
      enqueue("broadcast", [{ buffer, count, written: rank !== root }], dtype, ([at], type, stream) =>
        nccl.call("ncclBroadcast", at, at, count, type, root, comm, stream),
      );
    },
    allToAll(input, output, count, dtype) {
      const buffers = [
        { buffer: input, count: size * count, written: false },
        { buffer: output, count: size * count, written: true },
      ];
      const step = count * bytesPerElement[dtype];
      enqueue("allToAll", buffers, dtype, ([from, to], type, stream) => {
        nccl.call("ncclGroupStart");
        try {
          for (let peer = 0; peer < size; peer++) {
            nccl.call("ncclSend", from + peer * step, count, type, peer, comm, stream);
            nccl.call("ncclRecv", to + peer * step, count, type, peer, comm, stream);
          }
        } catch (error) {
          // A group that was begun must be ended, or the next call hangs; the first error says most.
          try {
            nccl.call("ncclGroupEnd");
          } catch {}
          throw error;
        }
        nccl.call("ncclGroupEnd");
      });
    },
  };
}

function checkRange(use: string, range: DeviceRange, count: number, dtype: DType): void {
  if (range.dtype !== dtype) throw new Error(`${use}: the buffer holds ${range.dtype}, the call is for ${dtype}`);
  const bytes = count * bytesPerElement[dtype];
  if (!Number.isInteger(count) || count < 0 || bytes > range.byteLength)
    throw new Error(`${use}: ${count} ${dtype} values of a buffer of ${range.byteLength} bytes`);
}
