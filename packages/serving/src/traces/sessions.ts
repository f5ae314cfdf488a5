import type { SharedParameters } from "./parameters.ts";
import { quantilesOf } from "./quantiles.ts";
import type { Trace } from "./types.ts";

/** A trace taken apart: what is shared by many, and which request goes on from which. */
export interface SessionAnalysis {
  readonly arrivals: Float64Array;
  readonly outputs: Float64Array;
  /** First turns' tokens after the root, where no shared prefix follows it. */
  readonly aloneTokens: readonly number[];
  /** Turns that are the k-th of their session, from 0, and how many of those were followed by another. */
  readonly turnsAt: readonly number[];
  readonly goesOnAt: readonly number[];
  readonly gapsMs: readonly number[];
  /** Prompt less previous prompt and output. */
  readonly addedTokens: readonly number[];
  readonly keptShares: readonly number[];
  readonly shared: SharedParameters;
}

/** Different continuations from which on a block is held to be shared by many, and not a turn that was taken again. */
const branchesOfShared = 4;
/** Prefixes whose lengths are told one by one. */
const leadingPrefixes = 24;
/** Share of the requests that begin with the root. */
const rootShare = 0.95;

/** Takes a trace apart; needs ids that say what is shared. */
export function analyzeSessions(trace: Trace): SessionAnalysis {
  const { blockSize, blockIds, requests: count } = trace.info;
  const { root, shared } = sharedBlocks(trace);
  // Who had a block last; turns of its session until then.
  const holder = new Int32Array(blockIds).fill(-1);
  const turn = new Int32Array(count);
  const arrivals = new Float64Array(count);
  const outputs = new Float64Array(count);
  const inputs = new Float64Array(count);
  const continued = new Uint8Array(count);
  const aloneTokens: number[] = [];
  const gapsMs: number[] = [];
  const addedTokens: number[] = [];
  const keptShares: number[] = [];
  const ownTokens: number[] = [];
  const lengthOfPrefix = new Map<number, number>();
  const usesOfPrefix = new Map<number, number>();
  let starts = 0;
  for (const { id, arrivalMs, inputTokens, outputTokens, blocks } of trace.requests) {
    arrivals[id] = arrivalMs;
    inputs[id] = inputTokens;
    outputs[id] = outputTokens;
    let depth = 0;
    while (depth < blocks.length && shared[blocks[depth]] === 1) depth++;
    let hit = 0;
    while (hit < blocks.length && holder[blocks[hit]] >= 0) hit++;
    const parent = hit > Math.max(depth, root) ? holder[blocks[hit - 1]] : -1;
    if (parent >= 0) {
      continued[parent] = 1;
      turn[id] = turn[parent] + 1;
      gapsMs.push(arrivalMs - arrivals[parent]);
      addedTokens.push(inputTokens - inputs[parent] - outputs[parent]);
      const whole = Math.floor(inputs[parent] / blockSize);
      keptShares.push(whole > 0 ? Math.min(1, hit / whole) : 1);
    } else {
      starts++;
      if (depth > root) {
        const node = blocks[depth - 1];
        lengthOfPrefix.set(node, depth - root);
        usesOfPrefix.set(node, (usesOfPrefix.get(node) ?? 0) + 1);
        ownTokens.push(Math.max(1, inputTokens - depth * blockSize));
      } else aloneTokens.push(Math.max(1, inputTokens - root * blockSize));
    }
    for (const block of blocks) holder[block] = id;
  }
  const uses = (node: number) => usesOfPrefix.get(node) ?? 0;
  const byUse = [...lengthOfPrefix].sort(([a], [b]) => uses(b) - uses(a) || a - b);
  const turnsAt: number[] = [];
  const goesOnAt: number[] = [];
  for (let id = 0; id < count; id++) {
    turnsAt[turn[id]] = (turnsAt[turn[id]] ?? 0) + 1;
    goesOnAt[turn[id]] = (goesOnAt[turn[id]] ?? 0) + continued[id];
  }
  return {
    arrivals,
    outputs,
    aloneTokens,
    turnsAt,
    goesOnAt,
    gapsMs,
    addedTokens,
    keptShares,
    shared: {
      rootBlocks: root,
      share: Number((ownTokens.length / starts).toPrecision(3)),
      prefixes: usesOfPrefix.size,
      zipf: zipfExponent([...usesOfPrefix.values()]),
      leadingBlocks: byUse.slice(0, leadingPrefixes).map(([, length]) => length),
      blocks: quantilesOf(byUse.slice(leadingPrefixes).map(([, length]) => length)),
      ownPrompt: ownTokens.length > 0 ? quantilesOf(ownTokens) : [1],
    },
  };
}

/** Blocks of the root, and whether a block lies on the way to one that is continued in four ways or more. */
function sharedBlocks(trace: Trace): { root: number; shared: Uint8Array } {
  const { blockIds, requests: count } = trace.info;
  const seen = new Uint8Array(blockIds);
  const branches = new Uint8Array(blockIds);
  const uses = new Uint32Array(blockIds);
  for (const { blocks } of trace.requests) {
    for (let i = 0; i < blocks.length; i++) {
      const id = blocks[i];
      uses[id]++;
      if (seen[id] === 1) continue;
      seen[id] = 1;
      if (i > 0 && branches[blocks[i - 1]] < branchesOfShared) branches[blocks[i - 1]]++;
    }
  }
  const shared = new Uint8Array(blockIds);
  let root = Number.POSITIVE_INFINITY;
  for (const { blocks } of trace.requests) {
    let common = 0;
    while (common < blocks.length && uses[blocks[common]] >= rootShare * count) common++;
    // A prompt that ends within the root, or is of the few without it, says nothing of its length.
    if (common > 0 && common < blocks.length) root = Math.min(root, common);
    for (let i = blocks.length - 1, found = false; i >= 0; i--) {
      found ||= branches[blocks[i]] >= branchesOfShared;
      if (found) shared[blocks[i]] = 1;
    }
  }
  return { root: Number.isFinite(root) ? root : 0, shared };
}

/** The exponent whose ranks are used as these are: least squares of log uses over log rank, weighted by uses. */
function zipfExponent(uses: readonly number[]): number {
  const sorted = uses.toSorted((a, b) => b - a);
  if (sorted.length < 2) return 0;
  let [weight, x, y, xx, xy] = [0, 0, 0, 0, 0];
  sorted.forEach((count, i) => {
    const [rank, log] = [Math.log(i + 1), Math.log(count)];
    weight += count;
    x += count * rank;
    y += count * log;
    xx += count * rank * rank;
    xy += count * rank * log;
  });
  const slope = (weight * xy - x * y) / (weight * xx - x * x);
  return Number.isFinite(slope) ? Number(Math.min(10, Math.max(0, -slope)).toPrecision(3)) : 0;
}
