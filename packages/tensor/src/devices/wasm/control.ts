/** Words of the control block, which host and threads share; each on a cache line of its own. See assembly/queue.ts. */
export const controlWords = {
  tail: 0,
  poison: 16,
  arrived: 32,
  generation: 48,
  sleepers: 64,
  done: 80,
  consumed: 96,
} as const;

/** Commands that are no kernels. See assembly/queue.ts. */
export const commands = {
  skip: 0xfff0,
  fence: 0xfff1,
  replay: 0xfff2,
  copy: 0xfff3,
  stop: 0xfff4,
  replaySmall: 0xfff5,
} as const;

/** Makes every thread leave its waits: one of them has died. */
export function poison(words: Int32Array, controlBase: number): void {
  const base = controlBase / 4;
  Atomics.store(words, base + controlWords.poison, 1);
  for (const word of [controlWords.tail, controlWords.generation, controlWords.done])
    Atomics.notify(words, base + word);
}
