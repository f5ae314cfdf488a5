import { createHash } from "node:crypto";
import { arrivalTimes } from "./arrivals.ts";
import { checkParameters, type TraceParameters } from "./parameters.ts";
import { quantileAt } from "./quantiles.ts";
import { type Random, seededRandom } from "./random.ts";
import type { Trace, TraceRequest } from "./types.ts";

/** A turn that is to come. */
interface PendingTurn {
  readonly dueMs: number;
  /** Turns of the session so far. */
  readonly turns: number;
  /** Of the last turn. */
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly blocks: Uint32Array;
}

/**
 * A trace from parameters, made while it is walked: what is kept is the sessions that are to go on, not the requests. Each
 * walk gives the same requests.
 * @throws TraceError for parameters out of range, RangeError for a seed.
 */
export function generateTrace(parameters: TraceParameters, seed = 1): Trace {
  checkParameters(parameters);
  const { requests, blockSize } = parameters;
  const canonical = JSON.stringify({ parameters, seed });
  // One walk ahead: whoever replays the trace knows its span and how many blocks it names.
  let [spanMs, blockIds] = [0, 0];
  for (const { arrivalMs, blocks } of requestsOf(parameters, seed)) {
    spanMs = arrivalMs;
    for (const id of blocks) if (id >= blockIds) blockIds = id + 1;
  }
  return {
    info: {
      name: "generated",
      format: "generated",
      sha256: createHash("sha256").update(canonical).digest("hex"),
      blockSize,
      requests,
      spanMs,
      blockIds,
      sharing: true,
      skippedLines: 0,
      changes: [],
    },
    requests: { [Symbol.iterator]: () => requestsOf(parameters, seed) },
  };
}

function* requestsOf(parameters: TraceParameters, seed: number): Generator<TraceRequest, undefined> {
  const { requests, sessions, output } = parameters;
  // Streams of their own: another length distribution leaves the arrivals as they are.
  const times = arrivalTimes(parameters.arrivals, requests, seededRandom(seed));
  const random = seededRandom(seed + 2 ** 32);
  const prompts = promptMaker(parameters, random);
  const pending = createHeap();
  for (let id = 0; id < requests; id++) {
    const arrivalMs = times();
    const last = pending.takeUntil(arrivalMs);
    const { inputTokens, blocks, sharedBlocks, likelihood } = last ? prompts.next(last) : prompts.first();
    const outputTokens = Math.max(1, Math.round(quantileAt(output, random.uniform())));
    const turns = last ? last.turns : 0;
    const goesOn = (sessions.a + turns) / (sessions.a + sessions.b + turns);
    // Without a whole block of its own a prompt has nothing that a next turn would be known by.
    const known = Math.floor(inputTokens / parameters.blockSize) > sharedBlocks;
    if (sessions.a > 0 && known && random.uniform() < goesOn * likelihood) {
      const dueMs = arrivalMs + quantileAt(sessions.gapMs, random.uniform());
      pending.add({ dueMs, turns: turns + 1, inputTokens, outputTokens, blocks });
    }
    yield { id, arrivalMs, inputTokens, outputTokens, blocks };
  }
}

interface Prompt {
  readonly inputTokens: number;
  readonly blocks: Uint32Array;
  /** Blocks that unrelated prompts have, too. */
  readonly sharedBlocks: number;
  /** How much more likely than others it is gone on from. */
  readonly likelihood: number;
}

/** Prompts with their blocks; ids are given out in order. */
function promptMaker({ blockSize, firstPrompt, longestPrompt, sessions, shared }: TraceParameters, random: Random) {
  // The root and the trunks have the first ids; a prefix's are drawn when it is first used.
  let nextId = shared.rootBlocks;
  const prefixes = new Map<number, Uint32Array>();
  const trunks = shared.trunks.map((length) => Uint32Array.from({ length }, () => nextId++));
  const popularity = zipfShares(shared.prefixes, shared.zipf);

  function sharedPrefix(): Uint32Array {
    if (shared.share === 0 || random.uniform() >= shared.share) return noBlocks;
    const rank = lowerBound(popularity, random.uniform());
    const known = prefixes.get(rank);
    if (known) return known;
    const length = shared.leadingBlocks[rank] ?? Math.round(quantileAt(shared.blocks, random.uniform()));
    const trunk = trunks[shared.leadingTrunks[rank] ?? drawTrunk()] ?? noBlocks;
    const made = new Uint32Array(trunk.length + length);
    made.set(trunk);
    for (let i = trunk.length; i < made.length; i++) made[i] = nextId++;
    prefixes.set(rank, made);
    return made;
  }

  /** A trunk by its share, or −1: none. */
  function drawTrunk(): number {
    let left = trunks.length > 0 ? random.uniform() : 1;
    for (const [index, part] of shared.trunkShares.entries()) {
      left -= part;
      if (left < 0) return index;
    }
    return -1;
  }

  /** `kept` blocks of `from` and new ones, as many as the length needs. A shared block is whole, so a token follows it. */
  function prompt(tokens: number, from: Uint32Array, kept: number): Omit<Prompt, "sharedBlocks" | "likelihood"> {
    const inputTokens = Math.min(Math.max(Math.round(tokens), kept * blockSize + 1), longestPrompt);
    const blocks = new Uint32Array(Math.ceil(inputTokens / blockSize));
    const shares = Math.min(kept, blocks.length);
    blocks.set(from.subarray(0, shares));
    for (let i = shares; i < blocks.length; i++) blocks[i] = nextId++;
    return { inputTokens, blocks };
  }

  return {
    first(): Prompt {
      const prefix = sharedPrefix();
      const start = new Uint32Array(shared.rootBlocks + prefix.length);
      for (let i = 0; i < shared.rootBlocks; i++) start[i] = i;
      start.set(prefix, shared.rootBlocks);
      const u = random.uniform();
      const own = quantileAt(prefix.length > 0 ? shared.ownPrompt : firstPrompt, u);
      const likelihood = prefix.length > 0 ? 1 : sessions.byLength[Math.floor(u * sessions.byLength.length)];
      const made = prompt(start.length * blockSize + Math.max(1, own), start, start.length);
      return { ...made, sharedBlocks: start.length, likelihood };
    },
    next(last: PendingTurn): Prompt {
      const whole = Math.floor(last.inputTokens / blockSize);
      const isCut = sessions.cut > 0 && random.uniform() < sessions.cut;
      const kept = isCut ? Math.min(whole, Math.round(quantileAt(sessions.kept, random.uniform()) * whole)) : whole;
      const added = quantileAt(isCut ? sessions.addedAfterCut : sessions.added, random.uniform());
      const made = prompt(last.inputTokens + last.outputTokens + added, last.blocks, kept);
      return { ...made, sharedBlocks: shared.rootBlocks, likelihood: 1 };
    },
  };
}

const noBlocks = new Uint32Array(0);

/** Cumulated shares of ranks. */
function zipfShares(count: number, exponent: number): Float64Array {
  const shares = new Float64Array(count);
  let sum = 0;
  for (let i = 0; i < count; i++) {
    sum += (i + 1) ** -exponent;
    shares[i] = sum;
  }
  return shares.map((share) => share / sum);
}

/** The first index whose value is above `at`. */
function lowerBound(sorted: Float64Array, at: number): number {
  let [low, high] = [0, sorted.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] > at) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** A binary heap of turns by time. */
function createHeap() {
  const heap: PendingTurn[] = [];
  return {
    add(turn: PendingTurn): void {
      let i = heap.length;
      heap.push(turn);
      while (i > 0) {
        const parent = (i - 1) >> 1;
        if (heap[parent].dueMs <= turn.dueMs) break;
        heap[i] = heap[parent];
        i = parent;
      }
      heap[i] = turn;
    },
    /** The earliest turn, if it is due. */
    takeUntil(nowMs: number): PendingTurn | null {
      if (heap.length === 0 || heap[0].dueMs > nowMs) return null;
      const first = heap[0];
      const moved = heap.pop() as PendingTurn;
      if (heap.length === 0) return first;
      let i = 0;
      for (;;) {
        let child = 2 * i + 1;
        if (child >= heap.length) break;
        if (child + 1 < heap.length && heap[child + 1].dueMs < heap[child].dueMs) child++;
        if (heap[child].dueMs >= moved.dueMs) break;
        heap[i] = heap[child];
        i = child;
      }
      heap[i] = moved;
      return first;
    },
  };
}
