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
const stallsWord: usize = 448; // spins given up in barriers of the graph that is replayed
const aloneWord: usize = 512; // replays of small graphs that are left to one thread from now on
const patienceWord: usize = 576; // how many the next failure leaves to it

/** Commands that are no kernels. */
export const commandSkip: u32 = 0xfff0;
export const commandFence: u32 = 0xfff1;
export const commandReplay: u32 = 0xfff2;
export const commandCopy: u32 = 0xfff3;
export const commandStop: u32 = 0xfff4;
export const commandReplaySmall: u32 = 0xfff5;

// About 20 µs: longer than the gap between kernels of a training step, shorter than what the host needs a processor for.
const spins: i32 = 4000;
// About 150 µs, within graphs: a thread that sleeps there wakes later than many a kernel takes, and the next barrier puts the other one
// to sleep in turn.
const graphSpins: i32 = 40000;
/** Of this thread: every thread has its own instance of this module. */
let spinLimit: i32 = spins;

// When a processor is busy with something else, threads that share a small graph wait for one another at every kernel. After so many
// stalls in one replay, the next ones are left to one thread: few at first, twice as many each time that sharing fails again. Both
// ways give the same bits.
const toleratedStalls: i32 = 8;
const fewestAlone: i32 = 16;
const mostAlone: i32 = 1024;

/** Runs until the host stops the pool (returns 0) or a thread has died (returns 1). */
export function work(control: usize, ring: usize, ringMask: u32, thread: i32, threads: i32): i32 {
  let head: u32 = 0;
  while (true) {
    if (!waitForCommand(control, head)) return 1;
    const at = ring + (<usize>(head & ringMask) << 2);
    const word = load<u32>(at), command = word & 0xffff, words = word >>> 16;
    if (command == commandStop) return 0;
    if (command == commandReplay) {
      if (!replay(control, pointer(at, 1), pointer(at, 2), thread, threads)) return 1;
    } else if (command == commandReplaySmall) {
      if (!replaySmall(control, pointer(at, 1), pointer(at, 2), thread, threads)) return 1;
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

function replay(control: usize, graph: usize, words: usize, thread: i32, threads: i32): bool {
  spinLimit = graphSpins;
  const end = graph + (words << 2);
  for (let p = graph; p < end; ) {
    const word = load<u32>(p);
    if (!run(control, word & 0xffff, p + 4, thread, threads)) return false;
    p += <usize>(word >>> 16) << 2;
  }
  spinLimit = spins;
  return true;
}

/** Replays a graph whose kernels are so short that sharing them pays only while no thread has to wait long. */
function replaySmall(control: usize, graph: usize, words: usize, thread: i32, threads: i32): bool {
  const alone = load<i32>(control + aloneWord);
  if (alone == 0) {
    if (!replay(control, graph, words, thread, threads)) return false;
  } else if (thread == 0) replay(control, graph, words, 0, 1);
  if (!barrier(control, threads)) return false;
  // All have read the word, and none reads it again before the next barrier.
  if (thread == 0) {
    const stalls = atomic.xchg<i32>(control + stallsWord, 0);
    if (alone > 0) store<i32>(control + aloneWord, alone - 1);
    else if (stalls > toleratedStalls) {
      const patience = max(fewestAlone, load<i32>(control + patienceWord));
      store<i32>(control + aloneWord, patience);
      store<i32>(control + patienceWord, min(2 * patience, mostAlone));
    } else store<i32>(control + patienceWord, fewestAlone);
  }
  return barrier(control, threads);
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
  let left = spinLimit;
  while (atomic.load<i32>(control + generationWord) == generation) {
    if (atomic.load<i32>(control + poisonWord) != 0) return false;
    if (--left > 0) continue;
    atomic.add<i32>(control + stallsWord, 1);
    atomic.add<i32>(control + sleepersWord, 1);
    atomic.wait<i32>(control + generationWord, generation, -1);
    atomic.sub<i32>(control + sleepersWord, 1);
  }
  return true;
}
