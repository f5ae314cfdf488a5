import { createRequire } from "node:module";

type Koffi = typeof import("koffi");

/** koffi, loaded where it is needed only: the device works without it. @throws where it has no build for this machine. */
export function loadKoffi(): Koffi {
  return createRequire(import.meta.url)("koffi") as Koffi;
}

/** Where the memory lies; it stays there when it grows, since its whole range is reserved. */
export function addressOf(koffi: Koffi, memory: WebAssembly.Memory): number {
  const library = koffi.load(process.platform === "darwin" ? "/usr/lib/libSystem.B.dylib" : "libc.so.6");
  const move = library.func("uintptr_t memmove(void *to, void *from, size_t bytes)");
  const view = new Uint8Array(memory.buffer);
  return Number(move(view, view, 0));
}

/** Memory of the host that stays where it is: small typed arrays lie on V8's heap, and move. */
export function fixedMemory(koffi: Koffi, byteLength: number): { bytes: ArrayBuffer; address: number } {
  const bytes = new ArrayBuffer(byteLength);
  return { bytes, address: Number(koffi.address(bytes)) };
}

/** MADV_HUGEPAGE of Linux's madvise(2). */
const adviceHugePage = 14;

/** Whether the memory lies in large pages, for `doctor`. */
export interface HugePages {
  readonly on: boolean;
  readonly reason: string;
}

/**
 * Asks Linux for 2 MiB pages under the whole range that the memory may grow to. With pages of 4 KiB each row or two of a weight
 * matrix needs its own entry of the processor's address cache, and decoding waits for those more than for the weights. No bit of any
 * result depends on it, so a system that refuses is no error.
 */
export function adviseHugePages(memory: WebAssembly.Memory, maximumBytes: number): HugePages {
  if (process.platform !== "linux") return { on: false, reason: `${process.platform} decides on page sizes by itself` };
  try {
    const koffi = loadKoffi();
    const advise = koffi.load("libc.so.6").func("int madvise(uintptr_t address, size_t bytes, int advice)");
    const code = advise(addressOf(koffi, memory), maximumBytes, adviceHugePage) as number;
    if (code !== 0) return { on: false, reason: "the kernel has no transparent huge pages for this memory" };
    return { on: true, reason: "2 MiB pages were asked for (madvise)" };
  } catch (error) {
    return { on: false, reason: `madvise cannot be called: ${(error as Error).message}` };
  }
}
