/** What NCCL is told: through a table of functions in its place. And the library itself, where it is. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type BufferHandle,
  type CudaBackend,
  type CudaUnavailableError,
  type DeviceRange,
  type DType,
  loadLibrary,
  loadNccl,
  NcclError,
  type NcclFunctions,
  ncclCollectives,
  ncclIdBytes,
  openNccl,
  versionText,
} from "@baltoro/tensor";

/** Functions that note their calls and give the codes that are asked for. */
function noting(codes: Readonly<Partial<Record<keyof NcclFunctions, number>>> = {}, version = 23_007) {
  const calls: string[] = [];
  const note =
    (name: keyof NcclFunctions) =>
    (...args: readonly unknown[]) => {
      calls.push(`${name} ${args.join(" ")}`.trim());
      return codes[name] ?? 0;
    };
  const functions: NcclFunctions = {
    ncclGetVersion(out) {
      out[0] = version;
      return 0;
    },
    ncclGetUniqueId(id) {
      id.fill(7);
      return codes.ncclGetUniqueId ?? 0;
    },
    ncclCommInitRank(out, size, { internal }, rank) {
      out[0] = 0x7f55_0000_1000;
      calls.push(`ncclCommInitRank ${size} ${internal.length} ${internal[127]} ${rank}`);
      return codes.ncclCommInitRank ?? 0;
    },
    ncclCommDestroy: note("ncclCommDestroy"),
    ncclCommAbort: note("ncclCommAbort"),
    ncclCommGetAsyncError(_, out) {
      out[0] = codes.ncclCommGetAsyncError ?? 0;
      return 0;
    },
    ncclAllReduce: note("ncclAllReduce"),
    ncclReduceScatter: note("ncclReduceScatter"),
    ncclAllGather: note("ncclAllGather"),
    ncclBroadcast: note("ncclBroadcast"),
    ncclSend: note("ncclSend"),
    ncclRecv: note("ncclRecv"),
    ncclGroupStart: note("ncclGroupStart"),
    ncclGroupEnd: note("ncclGroupEnd"),
    ncclGetErrorString: (code) => `text of ${code}`,
    ncclGetLastError: () => "what it noted\n",
  };
  return { functions, calls };
}

const [comm, stream] = [0x7f55_0000_1000, 0x55_0000_0008];

/** A rank whose buffers lie at the addresses of their ranges. */
function rankOf(codes: Parameters<typeof noting>[0] = {}, [rank, size] = [1, 3]) {
  const { functions, calls } = noting(codes);
  const ranges = new Map<BufferHandle, DeviceRange>();
  const written: BufferHandle[] = [];
  const backend: Pick<CudaBackend, "foreign"> = {
    foreign(_, buffers, call) {
      written.push(...buffers.written);
      call(
        buffers.all.map((buffer) => ranges.get(buffer) as DeviceRange),
        stream,
      );
    },
  };
  const buffer = (address: number, elements: number, dtype: DType = "f32"): BufferHandle => {
    const byteLength = elements * (dtype === "bf16" ? 2 : 4);
    const handle = { byteLength };
    ranges.set(handle, { address, byteLength, dtype });
    return handle;
  };
  const collectives = ncclCollectives({ nccl: openNccl(functions, "here"), comm, rank, size }, backend);
  return { collectives, calls, written, buffer };
}

test("every collective: addresses, counts, types and operators as nccl.h numbers them", () => {
  const { collectives, calls, written, buffer } = rankOf();
  const [x, y] = [buffer(4096, 90), buffer(8192, 30)];
  const half = buffer(640, 90, "bf16");
  const ids = buffer(1280, 90, "i32");
  collectives.allReduce(x, 90, "sum", "f32");
  collectives.allReduce(x, 5, "max", "f32");
  collectives.allReduce(half, 90, "sum", "bf16");
  collectives.reduceScatter(x, y, 30, "f32");
  collectives.allGather(y, x, 30, "f32");
  collectives.broadcast(ids, 90, 2, "i32");
  const tail = `${comm} ${stream}`;
  assert.deepEqual(calls, [
    `ncclAllReduce 4096 4096 90 7 0 ${tail}`,
    `ncclAllReduce 4096 4096 5 7 2 ${tail}`,
    `ncclAllReduce 640 640 90 9 0 ${tail}`,
    `ncclReduceScatter 4096 8192 30 7 0 ${tail}`,
    `ncclAllGather 8192 4096 30 7 ${tail}`,
    `ncclBroadcast 1280 1280 90 2 2 ${tail}`,
  ]);
  // What is written is noted, so that copies of weights in bf16 are made anew.
  assert.deepEqual(written, [x, x, half, y, x, ids]);
});

test("a root's own buffer is not written by its broadcast", () => {
  const { collectives, written, buffer } = rankOf({}, [2, 3]);
  collectives.broadcast(buffer(64, 4), 4, 2, "f32");
  assert.deepEqual(written, []);
});

test("an all-to-all is a send and a receive for every rank, itself included, in one group", () => {
  for (const [dtype, type, bytes] of [
    ["f32", 7, 4],
    ["bf16", 9, 2],
    ["i32", 2, 4],
  ] as const) {
    const { collectives, calls, buffer } = rankOf();
    collectives.allToAll(buffer(4096, 30, dtype), buffer(8192, 30, dtype), 10, dtype);
    const tail = `${comm} ${stream}`;
    const pairs = [0, 1, 2].flatMap((peer) => [
      `ncclSend ${4096 + peer * 10 * bytes} 10 ${type} ${peer} ${tail}`,
      `ncclRecv ${8192 + peer * 10 * bytes} 10 ${type} ${peer} ${tail}`,
    ]);
    assert.deepEqual(calls, ["ncclGroupStart", ...pairs, "ncclGroupEnd"]);
  }
});

test("a group is ended where a send is refused, and the first error is told", () => {
  const { collectives, calls, buffer } = rankOf({ ncclRecv: 4, ncclGroupEnd: 5 });
  const refused = { name: "NcclError", code: "ncclInvalidArgument", message: /^ncclRecv: / };
  assert.throws(() => collectives.allToAll(buffer(64, 30), buffer(640, 30), 10, "f32"), refused);
  assert.equal(calls.at(-1), "ncclGroupEnd");
});

test("short buffers and buffers of another type never reach NCCL", () => {
  const { collectives, calls, buffer } = rankOf();
  const x = buffer(4096, 90);
  assert.throws(() => collectives.allReduce(x, 91, "sum", "f32"), /allReduce: 91 f32 values of a buffer of 360 bytes/);
  assert.throws(() => collectives.allReduce(x, 90, "sum", "bf16"), /the buffer holds f32, the call is for bf16/);
  assert.throws(() => collectives.reduceScatter(x, buffer(64, 31), 31, "f32"), /93 f32 values/);
  assert.throws(() => collectives.allGather(x, x, 31, "f32"), /allGather: 93/);
  assert.throws(() => collectives.allToAll(x, x, 31, "f32"), /allToAll: 93/);
  assert.throws(() => collectives.broadcast(x, -1, 0, "f32"), /broadcast: -1/);
  assert.deepEqual(calls, []);
});

test("every code is named, with what NCCL noted and what to do", () => {
  const names = [
    ...["ncclUnhandledCudaError", "ncclSystemError", "ncclInternalError", "ncclInvalidArgument", "ncclInvalidUsage"],
    ...["ncclRemoteError", "ncclInProgress", "ncclTimeout", "code 9"],
  ];
  for (const [i, name] of names.entries()) {
    const nccl = openNccl(noting({ ncclGroupEnd: i + 1 }).functions, "here");
    assert.throws(
      () => nccl.call("ncclGroupEnd"),
      (error: NcclError) =>
        error instanceof NcclError &&
        error.code === name &&
        error.message.startsWith(`ncclGroupEnd: ${name}, text of ${i + 1}; what it noted`),
    );
  }
});

test("an id is drawn and given by value; errors beside calls are told, progress is none", () => {
  const { functions, calls } = noting();
  const nccl = openNccl(functions, "here");
  const id = nccl.uniqueId();
  assert.deepEqual([id.length, id[0]], [ncclIdBytes, 7]);
  assert.equal(nccl.join(id, 4, 3), comm);
  assert.deepEqual(calls, ["ncclCommInitRank 4 128 7 3"]);
  assert.equal(nccl.asyncError(comm), null);
  assert.equal(openNccl(noting({ ncclCommGetAsyncError: 7 }).functions, "here").asyncError(comm), null);
  assert.match(
    openNccl(noting({ ncclCommGetAsyncError: 6 }).functions, "here").asyncError(comm) ?? "",
    /NCCL: ncclRemoteError.*another rank failed/,
  );
});

test("versions are read, and one that is too old is refused", () => {
  assert.deepEqual([23_007, 22_809, 21_100, 2804].map(versionText), ["2.30.7", "2.28.9", "2.11.0", "2.8.4"]);
  assert.throws(
    () => openNccl(noting({}, 2804).functions, "/x/libnccl.so.2"),
    /libnccl.so.2 is NCCL 2.8.4, 2.11 or newer/,
  );
});

function skipWithoutNccl(): string | false {
  try {
    loadLibrary("nccl");
    return false;
  } catch (error) {
    return (error as CudaUnavailableError).message;
  }
}

test("the library itself: its functions are there, and a call without a communicator is refused by name", {
  skip: skipWithoutNccl(),
}, () => {
  const nccl = loadNccl();
  assert.ok(nccl.version >= 21_100);
  assert.throws(() => nccl.call("ncclAllReduce", 0, 0, 1, 7, 0, 0, 0), { code: "ncclInvalidArgument" });
  assert.match(nccl.asyncError(0) ?? "", /ncclInvalidArgument/);
});
