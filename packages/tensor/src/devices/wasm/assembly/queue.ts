import { pointer } from "./arguments";
import { runKernel, secondPhase } from "./dispatch";

/**
 * The loop that every thread of the pool runs: walk the ring of commands in order, do this thread's share of each kernel, meet
 * the others, go on. All in WebAssembly, so that a kernel costs a fraction of a microsecond beside its work.
 *
 * A command is [kernel | words << 16, arguments …]; it never wraps around the end of the ring. Words of the control block,
 * shared with the host (control.ts):
 */
const tailWord: usize = 0; // words that the host has published, counting up
const poisonWord: usize = 64; // not 0: a thread died, leave
const arrivedWord: usize = 128; // threads that have reached the barrier
const generationWord: usize = 192; // barriers passed
const sleepersWord: usize = 256; // threads asleep in a wait
const doneWord: usize = 320; // the last fence passed
const consumedWord: usize = 384; // words that all threads are done with

/** Commands that are no kernels. */
export const commandSkip: u32 = 0xfff0;
export const commandFence: u32 = 0xfff1;
export const commandReplay: u32 = 0xfff2;
export const commandCopy: u32 = 0xfff3;
export const commandStop: u32 = 0xfff4;
export const commandReplayAlone: u32 = 0xfff5;

// About 20 µs: longer than the gap between kernels, shorter than what the host needs a processor for.
const spins: i32 = 4000;

/** Runs until the host stops the pool (returns 0) or a thread has died (returns 1). */
export function work(control: usize, ring: usize, ringMask: u32, thread: i32, threads: i32): i32 {
  let head: u32 = 0;
  while (true) {
    if (!waitForCommand(control, head)) return 1;
    const at = ring + (<usize>(head & ringMask) << 2);
    const word = load<u32>(at), command = word & 0xffff, words = word >>> 16;
    if (command == commandStop) return 0;
    if (command == commandReplay) {
      let p = pointer(at, 1);
      const end = p + (pointer(at, 2) << 2);
      while (p < end) {
        const inner = load<u32>(p);
        if (!run(control, inner & 0xffff, p + 4, thread, threads)) return 1;
        p += <usize>(inner >>> 16) << 2;
      }
    } else if (command == commandReplayAlone) {
      if (thread == 0) replayAlone(pointer(at, 1), pointer(at, 2));
      if (!barrier(control, threads)) return 1;
    } else if (command == commandCopy) {
      if (thread == 0) memory.copy(pointer(at, 1), pointer(at, 2), pointer(at, 3));
      if (!barrier(control, threads)) return 1;
    } else if (command == commandFence) {
      // Every kernel before has ended with a barrier: the first thread here may say so.
      if (thread == 0) {
        atomic.store<i32>(control + doneWord, load<i32>(at, 4));
        atomic.notify(control + doneWord, -1);
      }
    } else if (command != commandSkip) {
      if (!run(control, command, at + 4, thread, threads)) return 1;
    }
    head += words;
    if (thread == 0) atomic.store<u32>(control + consumedWord, head);
  }
}

// @ts-ignore: decorator
@inline
function run(control: usize, kernel: u32, args: usize, thread: i32, threads: i32): bool {
  runKernel(kernel, args, thread, threads);
  if (!barrier(control, threads)) return false;
  if (secondPhase(kernel, args, thread, threads)) return barrier(control, threads);
  return true;
}

/** Runs a graph on this thread alone: the others wait once, at its end, where they would have waited behind every kernel. */
function replayAlone(graph: usize, words: usize): void {
  let p = graph;
  const end = p + (words << 2);
  while (p < end) {
    const inner = load<u32>(p), kernel = inner & 0xffff;
    runKernel(kernel, p + 4, 0, 1);
    secondPhase(kernel, p + 4, 0, 1);
    p += <usize>(inner >>> 16) << 2;
  }
}

function waitForCommand(control: usize, head: u32): bool {
  let left = spins;
  while (atomic.load<u32>(control + tailWord) == head) {
    if (atomic.load<i32>(control + poisonWord) != 0) return false;
    if (--left > 0) continue;
    atomic.add<i32>(control + sleepersWord, 1);
    atomic.wait<i32>(control + tailWord, <i32>head, -1);
    atomic.sub<i32>(control + sleepersWord, 1);
  }
  return true;
}

/** Waits until all threads are here. False if one has died. */
function barrier(control: usize, threads: i32): bool {
  if (threads == 1) return true;
  const generation = atomic.load<i32>(control + generationWord);
  if (atomic.add<i32>(control + arrivedWord, 1) == threads - 1) {
    atomic.store<i32>(control + arrivedWord, 0);
    atomic.store<i32>(control + generationWord, generation + 1);
    if (atomic.load<i32>(control + sleepersWord) > 0) atomic.notify(control + generationWord, -1);
    return true;
  }
  let left = spins;
  while (atomic.load<i32>(control + generationWord) == generation) {
    if (atomic.load<i32>(control + poisonWord) != 0) return false;
    if (--left > 0) continue;
    atomic.add<i32>(control + sleepersWord, 1);
    atomic.wait<i32>(control + generationWord, generation, -1);
    atomic.sub<i32>(control + sleepersWord, 1);
  }
  return true;
}
