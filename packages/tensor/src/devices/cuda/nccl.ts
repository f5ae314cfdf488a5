import type { TypeObject } from "koffi";
import { loadKoffi } from "../native-memory.ts";
import type { Handle } from "./driver.ts";
import { loadLibrary } from "./libraries.ts";

/** ncclResult_t of nccl.h, by code. */
const resultNames = [
  "ncclSuccess",
  "ncclUnhandledCudaError",
  "ncclSystemError",
  "ncclInternalError",
  "ncclInvalidArgument",
  "ncclInvalidUsage",
  "ncclRemoteError",
  "ncclInProgress",
  "ncclTimeout",
] as const;

/** ncclDataType_t and ncclRedOp_t, as far as they are used. */
export const ncclTypes = { i32: 2, f32: 7, bf16: 9 } as const;
export const ncclOps = { sum: 0, max: 2 } as const;

/** Bytes of ncclUniqueId. */
export const ncclIdBytes = 128;

/** The first version whose collectives may be part of a graph that also is run beside others: 2.11. */
const leastVersion = 21_100;

/** Functions of libnccl.so.2. Each but the last returns a code of {@link resultNames}. Addresses and handles are numbers. */
export interface NcclFunctions {
  ncclGetVersion(out: number[]): number;
  ncclGetUniqueId(id: Uint8Array): number;
  ncclCommInitRank(out: number[], size: number, id: { readonly internal: Uint8Array }, rank: number): number;
  ncclCommDestroy(comm: Handle): number;
  ncclCommAbort(comm: Handle): number;
  ncclCommGetAsyncError(comm: Handle, out: number[]): number;
  ncclAllReduce(
    from: Handle,
    to: Handle,
    count: number,
    type: number,
    op: number,
    comm: Handle,
    stream: Handle,
  ): number;
  ncclReduceScatter(
    from: Handle,
    to: Handle,
    count: number,
    type: number,
    op: number,
    comm: Handle,
    stream: Handle,
  ): number;
  ncclAllGather(from: Handle, to: Handle, count: number, type: number, comm: Handle, stream: Handle): number;
  ncclBroadcast(
    from: Handle,
    to: Handle,
    count: number,
    type: number,
    root: number,
    comm: Handle,
    stream: Handle,
  ): number;
  ncclSend(from: Handle, count: number, type: number, peer: number, comm: Handle, stream: Handle): number;
  ncclRecv(to: Handle, count: number, type: number, peer: number, comm: Handle, stream: Handle): number;
  ncclGroupStart(): number;
  ncclGroupEnd(): number;
  /** What a code means. */
  ncclGetErrorString(code: number): string;
  /** What NCCL has noted last, of any communicator where `comm` is 0. Since 2.13. */
  ncclGetLastError(comm: Handle): string;
}
export type NcclFunctionName = Exclude<keyof NcclFunctions, "ncclGetErrorString" | "ncclGetLastError">;

/** NCCL, each code checked. */
export interface Nccl {
  /** Where it was found. */
  readonly path: string;
  /** 23007 for 2.30.7. */
  readonly version: number;
  /** @throws NcclError, naming the function, the code and what NCCL noted. */
  call<K extends NcclFunctionName>(name: K, ...args: Parameters<NcclFunctions[K]>): void;
  /** Draws the id of a group: rank 0 does, and sends it to the others. */
  uniqueId(): Uint8Array;
  /** Joins the group that an id names; waits for all its ranks. The GPU is that of the thread's context. */
  join(id: Uint8Array, size: number, rank: number): Handle;
  /** What went wrong with a communicator beside any call, or null. */
  asyncError(comm: Handle): string | null;
}

/** NCCL refused a call or failed. */
export class NcclError extends Error {
  override name = "NcclError";
  /** Such as "ncclSystemError". */
  readonly code: string;

  constructor(message: string, code: string) {
    super(message);
    this.code = code;
  }
}

/** What is done about a code. */
const remedies: Readonly<Record<string, string>> = {
  ncclUnhandledCudaError: "NCCL_DEBUG=INFO says more; does every rank have a GPU of its own?",
  ncclSystemError: "NCCL_DEBUG=INFO says more; /dev/shm may be full, or NCCL_SOCKET_IFNAME name the wrong network",
  ncclInternalError: "NCCL_DEBUG=INFO says more",
  ncclInvalidUsage: "do all ranks run the same program, each on a GPU of its own?",
  ncclRemoteError: "another rank failed, or the network between the ranks",
};

/** Loads NCCL, once per thread. @throws CudaUnavailableError where it is not found, or too old. */
export function loadNccl(): Nccl {
  loaded ??= bindNccl();
  return loaded;
}
let loaded: Nccl | undefined;

/** Puts checks around NCCL's functions, or around others in their place. @throws NcclError for one that is too old. */
export function openNccl(functions: NcclFunctions, path: string): Nccl {
  const call: Nccl["call"] = (name, ...args) => {
    const code = (functions[name] as (...args: readonly unknown[]) => number)(...args);
    if (code !== 0) throw failure(functions, name, code);
  };
  const version = [0];
  call("ncclGetVersion", version);
  if (version[0] < leastVersion)
    throw new NcclError(`${path} is NCCL ${versionText(version[0])}, 2.11 or newer is needed`, "ncclInvalidUsage");
  return {
    path,
    version: version[0],
    call,
    uniqueId() {
      const id = new Uint8Array(ncclIdBytes);
      call("ncclGetUniqueId", id);
      return id;
    },
    join(id, size, rank) {
      const out = [0];
      call("ncclCommInitRank", out, size, { internal: id }, rank);
      return Number(out[0]);
    },
    asyncError(comm) {
      const out = [0];
      const code = functions.ncclCommGetAsyncError(comm, out) || out[0];
      const name = resultNames[code];
      return name === "ncclSuccess" || name === "ncclInProgress"
        ? null
        : failure(functions, "NCCL", code, comm).message;
    },
  };
}

/** `2.30.7` of 23007. */
export function versionText(version: number): string {
  const major = version < 10_000 ? 1000 : 10_000;
  return `${Math.floor(version / major)}.${Math.floor((version % major) / 100)}.${version % 100}`;
}

function failure(functions: NcclFunctions, what: string, code: number, comm: Handle = 0): NcclError {
  const name = resultNames[code] ?? `code ${code}`;
  const noted = functions.ncclGetLastError(comm).trim();
  const remedy = remedies[name];
  const parts = [`${what}: ${name}, ${functions.ncclGetErrorString(code)}`, noted, remedy];
  return new NcclError(parts.filter(Boolean).join("; "), name);
}

function bindNccl(): Nccl {
  const { library, path } = loadLibrary("nccl");
  const koffi = loadKoffi();
  const handle = "uintptr_t";
  // ncclUniqueId is passed by value.
  const uniqueId = koffi.struct({ internal: koffi.array("uint8_t", ncclIdBytes, "Typed") });
  const comm = koffi.out(koffi.pointer(handle));
  const number = koffi.out(koffi.pointer("int"));
  const bind = (name: string, ...parameters: (string | TypeObject | typeof comm)[]) =>
    library.func(name, "int", parameters) as (...args: readonly unknown[]) => number;
  const moved = [handle, handle, "size_t", "int"];
  let lastError: (comm: Handle) => string = () => "";
  try {
    lastError = library.func("ncclGetLastError", "const char *", [handle]) as typeof lastError;
  } catch {
    // Before 2.13 there is none.
  }
  const functions: NcclFunctions = {
    ncclGetVersion: bind("ncclGetVersion", number),
    ncclGetUniqueId: bind("ncclGetUniqueId", koffi.pointer("uint8_t")),
    ncclCommInitRank: bind("ncclCommInitRank", comm, "int", uniqueId, "int"),
    ncclCommDestroy: bind("ncclCommDestroy", handle),
    ncclCommAbort: bind("ncclCommAbort", handle),
    ncclCommGetAsyncError: bind("ncclCommGetAsyncError", handle, number),
    ncclAllReduce: bind("ncclAllReduce", ...moved, "int", handle, handle),
    ncclReduceScatter: bind("ncclReduceScatter", ...moved, "int", handle, handle),
    ncclAllGather: bind("ncclAllGather", ...moved, handle, handle),
    ncclBroadcast: bind("ncclBroadcast", ...moved, "int", handle, handle),
    ncclSend: bind("ncclSend", handle, "size_t", "int", "int", handle, handle),
    ncclRecv: bind("ncclRecv", handle, "size_t", "int", "int", handle, handle),
    ncclGroupStart: bind("ncclGroupStart"),
    ncclGroupEnd: bind("ncclGroupEnd"),
    ncclGetErrorString: library.func("ncclGetErrorString", "const char *", ["int"]) as (code: number) => string,
    ncclGetLastError: lastError,
  };
  return openNccl(functions, path);
}
