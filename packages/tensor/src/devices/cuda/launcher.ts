import { type KernelName, kernels } from "../../kernels/index.ts";
import { fixedMemory, loadKoffi } from "../native-memory.ts";
import type { Driver, Handle } from "./driver.ts";
import { compileKernels } from "./nvrtc.ts";

/** Kinds of a kernel's parameters, in order: p address, i 32-bit integer, f 32-bit float. */
export type Signature = string;

/** Blocks in x, y and z. */
export type Grid = readonly [number, number?, number?];

/** One launch of a kernel that is compiled for its shapes: `macros` are given to the compiler as -D NAME=VALUE. */
export interface MacroLaunch {
  /** kernels/FILE.cu. */
  readonly file: string;
  readonly name: string;
  readonly macros: Readonly<Record<string, string | number>>;
  readonly grid: Grid;
  readonly block: number;
  /** Dynamic shared memory in bytes. */
  readonly shared: number;
  readonly signature: Signature;
  readonly values: readonly number[];
}

/** Launches kernels of the .cu files on one stream. */
export interface Launcher {
  /** What kernels are compiled for, such as "sm_90a". */
  readonly chip: string;
  launchCompiled(launch: MacroLaunch): void;
  /**
   * Launches `name` of kernels/FILE.cu with the parameters that its signature names. A grid without blocks launches nothing.
   * `shared` is dynamic shared memory in bytes. An `overlapped` kernel may begin while the one before it ends: it waits by itself, with
   * `waitForInputs` of common.cuh, before it reads or writes what kernels share (programmatic dependent launch, from compute capability 9 on).
   */
  launch(
    file: string,
    name: string,
    grid: Grid,
    block: number,
    signature: Signature,
    values: readonly number[],
    shared?: number,
    macros?: readonly string[],
    overlapped?: boolean,
  ): void;
  /**
   * Types of the buffers of the kernel that is being launched: bf16 for those named, float for the others; and of its weights: e4m3 for those
   * in `fp8`, bf16 for the others. `mayOverlap` (default true): false where its weights were made by the kernel before it, so that it must
   * not begin early.
   */
  setTypes(bf16: readonly string[], mayOverlap?: boolean, fp8?: readonly string[]): void;
  /** How many kernels were launched overlapped so far. */
  readonly overlappedLaunches: number;
  /** Whether that kernel's buffers of these names are all bf16. */
  areBf16(...names: readonly string[]): boolean;
  /** Calls `mark` with a function's name behind each launch from now on. */
  observe(mark: ((name: string) => void) | null): void;
  /** Workspace of the launches of one kernel, contents undefined: the next kernel's may be in the same place. */
  readonly scratch: Handle;
  readonly scratchBytes: number;
  readonly stream: Handle;
}

// CUfunction_attribute, and the marks of cuLaunchKernel's `extra`.
const maxDynamicShared = 8;
/** CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION. */
const programmaticSerialization = 6;
const [endMark, bufferMark, sizeMark] = [0n, 1n, 2n];
const parameterBytes = 4096;
/** Dynamic shared memory that needs no permission: 48 KiB less what kernels declare beside it. */
const plainShared = 32 << 10;

export interface LauncherOptions {
  readonly driver: Driver;
  /** Such as "sm_90a". */
  readonly chip: string;
  readonly stream: Handle;
  readonly scratch: Handle;
  readonly scratchBytes: number;
}

export function createLauncher({
  driver,
  chip,
  stream,
  scratch,
  scratchBytes,
}: LauncherOptions): Launcher & Disposable {
  const koffi = loadKoffi();
  const modules = new Map<string, Handle>();
  const functions = new Map<string, { handle: Handle; shared: number }>();
  // The driver copies the parameters during the call, so that one buffer serves all launches.
  const parameters = fixedMemory(koffi, parameterBytes);
  const ints = new Int32Array(parameters.bytes);
  const floats = new Float32Array(parameters.bytes);
  const sizeMemory = fixedMemory(koffi, 8);
  const size = new BigUint64Array(sizeMemory.bytes);
  const extra = fixedMemory(koffi, 40);
  new BigUint64Array(extra.bytes).set([
    bufferMark,
    BigInt(parameters.address),
    sizeMark,
    BigInt(sizeMemory.address),
    endMark,
  ]);

  let marking: ((name: string) => void) | null = null;
  // CUlaunchConfig in 56 bytes (grid, block, shared memory, stream, attributes, how many), then at 64 its one CUlaunchAttribute (id, value):
  // in one piece, so that none of it is collected while the other is in use.
  const configMemory = fixedMemory(koffi, 136);
  const config = new Uint32Array(configMemory.bytes);
  new BigUint64Array(configMemory.bytes).set([BigInt(stream), BigInt(configMemory.address + 64)], 4);
  config[12] = 1;
  config[16] = programmaticSerialization;
  config[18] = 1;
  const overlaps = Number(/^sm_(\d+)/.exec(chip)?.[1] ?? 0) >= 90;

  let mayOverlap = true;
  let overlappedLaunches = 0;
  let types: readonly string[] = [];
  let fp8Weights: readonly string[] = [];
  let typeKey = "";

  /** A function of a file, compiled for the types and macros. */
  function functionOf(file: string, name: string, macros: readonly string[]) {
    const variant = macros.length === 0 ? typeKey : `${typeKey} ${macros.join()}`;
    const key = `${name} ${variant}`;
    const known = functions.get(key);
    if (known) return known;
    const moduleKey = `${file} ${variant}`;
    let module = modules.get(moduleKey);
    if (module === undefined) {
      const weights = fp8Weights.map((name) => `W_${name}=e4m3`);
      const all = [...types.map((type) => `T_${type}=bf16`), ...weights, ...macros];
      module = driver.get("cuModuleLoadData", compileKernels(file, chip, all));
      modules.set(moduleKey, module);
    }
    const found = { handle: driver.get("cuModuleGetFunction", module, name), shared: plainShared };
    functions.set(key, found);
    return found;
  }

  /** Packs parameters as the C ABI does: addresses at multiples of 8, the rest at multiples of 4. Returns the bytes. */
  function pack(name: string, signature: Signature, values: readonly number[]): number {
    if (values.length !== signature.length) {
      throw new Error(`${name}: ${values.length} parameters, expected ${signature.length}`);
    }
    let at = 0;
    for (let i = 0; i < values.length; i++) {
      const kind = signature[i];
      if (kind === "p") {
        at = (at + 7) & ~7;
        const high = Math.floor(values[i] / 2 ** 32);
        ints[at >> 2] = values[i] | 0;
        ints[(at >> 2) + 1] = high;
        at += 8;
      } else {
        if (kind === "f") floats[at >> 2] = values[i];
        else ints[at >> 2] = values[i];
        at += 4;
      }
    }
    return at;
  }

  const launcher: Launcher & Disposable = {
    chip,
    launchCompiled({ file, name, macros, grid, block, shared, signature, values }) {
      const defined = Object.entries(macros).map(([macro, value]) => `${macro}=${value}`);
      launcher.launch(file, name, grid, block, signature, values, shared, defined);
    },
    stream,
    scratch,
    scratchBytes,
    observe(mark) {
      marking = mark;
    },
    get overlappedLaunches() {
      return overlappedLaunches;
    },
    areBf16: (...names) => names.every((name) => types.includes(name)),
    setTypes(bf16, may = true, fp8 = []) {
      mayOverlap = may;
      types = bf16;
      fp8Weights = fp8;
      typeKey = fp8.length === 0 ? bf16.join() : `${bf16.join()} ${fp8.join()}`;
    },
    launch(file, name, [gx, gy = 1, gz = 1], block, signature, values, shared = 0, macros = [], overlapped = false) {
      if (gx <= 0 || gy <= 0 || gz <= 0) return;
      const found = functionOf(file, name, macros);
      if (shared > found.shared) {
        driver.call("cuFuncSetAttribute", found.handle, maxDynamicShared, shared);
        found.shared = shared;
      }
      size[0] = BigInt(pack(name, signature, values));
      if (overlapped && overlaps && mayOverlap) {
        overlappedLaunches++;
        config.set([gx, gy, gz, block, 1, 1, shared]);
        driver.call("cuLaunchKernelEx", configMemory.address, found.handle, 0, extra.address);
      } else {
        driver.call("cuLaunchKernel", found.handle, gx, gy, gz, block, 1, 1, shared, stream, 0, extra.address);
      }
      marking?.(name);
    },
    [Symbol.dispose]() {
      for (const module of modules.values()) driver.code("cuModuleUnload", module);
      modules.clear();
      functions.clear();
    },
  };
  return launcher;
}

/** Signature of a kernel whose CUDA function takes the table's parameters in the table's order. */
export function tableSignature(kernel: KernelName): Signature {
  return Object.values(kernels[kernel])
    .map((kind) => (kind === "int" ? "i" : kind === "float" ? "f" : "p"))
    .join("");
}
