/** Where the threads' workspaces begin. The host sets it after it has placed them in the shared memory. */
export let scratchBase: usize = 0;

/** Bytes of workspace of each thread. */
export const scratchBytes: usize = 4 << 20;

export function setScratchBase(base: usize): void {
  scratchBase = base;
}

/** The workspace of one thread. */
// @ts-ignore: decorator
@inline
export function scratch(thread: i32): usize {
  return scratchBase + <usize>thread * scratchBytes;
}
