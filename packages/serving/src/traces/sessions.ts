import type { SharedParameters } from "./parameters.ts";
import { quantilesOf } from "./quantiles.ts";
import type { Trace } from "./types.ts";

/** A trace taken apart: what is shared by many, and which request goes on from which. */
export interface SessionAnalysis {
  readonly arrivals: Float64Array;
  readonly outputs: Float64Array;
  /** First turns' tokens after the root, where no shared prefix follows it. */
  readonly aloneTokens: readonly number[];
  /** Turns that are the k-th of their session, from 0, and could be known again; how many of those were followed by another. */
  readonly turnsAt: readonly number[];
  readonly goesOnAt: readonly number[];
  readonly gapsMs: readonly number[];
  /** Prompt less previous prompt and output, of turns that kept all of the previous prompt's whole blocks, and of the others. */
  readonly addedTokens: readonly number[];
  readonly addedAfterCut: readonly number[];
  /** Of the others: share of the whole blocks that was kept. */
  readonly keptShares: readonly number[];
  /** Of the prompts without a shared prefix, by fifths of their length: how much more likely they are gone on from. */
  readonly byLength: readonly number[];
  readonly shared: SharedParameters;
}

/** Different continuations from which on a block is held to be shared by many, and not a turn that was taken again. */
const branchesOfShared = 4;
/** Prefixes whose lengths are told one by one. */
const leadingPrefixes = 24;
/** Trunks that are told, the most used ones. */
const toldTrunks = 24;
/** Share of the requests that begin with the root. */
const rootShare = 0.95;

/** Takes a trace apart; needs ids that say what is shared. */
export function analyzeSessions(trace: Trace): SessionAnalysis {
  const { blockSize, blockIds, requests: count } = trace.info;
  const { root, shared, branching } = sharedBlocks(trace);
  // Who had a block last; turns of its session until then.
  const holder = new Int32Array(blockIds).fill(-1);
  const turn = new Int32Array(count);
  const arrivals = new Float64Array(count);
  const outputs = new Float64Array(count);
  const inputs = new Float64Array(count);
  const continued = new Uint8Array(count);
  const known = new Uint8Array(count);
  const aloneTokens: number[] = [];
  const gapsMs: number[] = [];
  const addedTokens: number[] = [];
  const addedAfterCut: number[] = [];
  const keptShares: number[] = [];
  const alone: number[] = [];
  const ownTokens: number[] = [];
  const prefixes = new Map<number, SharedPrefix>();
  let starts = 0;
  for (const { id, arrivalMs, inputTokens, outputTokens, blocks } of trace.requests) {
    arrivals[id] = arrivalMs;
    inputs[id] = inputTokens;
    outputs[id] = outputTokens;
    let depth = 0;
    while (depth < blocks.length && shared[blocks[depth]] === 1) depth++;
    // Only by a whole block of its own is a prompt known when it is gone on from.
    if (Math.floor(inputTokens / blockSize) > Math.max(depth, root)) known[id] = 1;
    let hit = 0;
    while (hit < blocks.length && holder[blocks[hit]] >= 0) hit++;
    const parent = hit > Math.max(depth, root) ? holder[blocks[hit - 1]] : -1;
    if (parent >= 0) {
      continued[parent] = 1;
      turn[id] = turn[parent] + 1;
      gapsMs.push(arrivalMs - arrivals[parent]);
      const added = inputTokens - inputs[parent] - outputs[parent];
      const whole = Math.floor(inputs[parent] / blockSize);
      if (hit >= whole) addedTokens.push(added);
      else {
        addedAfterCut.push(added);
        keptShares.push(hit / whole);
      }
    } else {
      starts++;
      if (depth > root) {
        const node = blocks[depth - 1];
        const prefix = prefixes.get(node);
        if (prefix) prefix.uses++;
        else {
          let fork = root;
          // A prompt may end, or part from the others, before the fork that its blocks lead to.
          while (fork < depth - 1 && branching[blocks[fork]] === 0) fork++;
          const trunk = { node: blocks[fork], length: fork + 1 - root };
          prefixes.set(node, { node, length: depth - root, uses: 1, trunk });
        }
        ownTokens.push(Math.max(1, inputTokens - depth * blockSize));
      } else {
        alone.push(id);
        aloneTokens.push(Math.max(1, inputTokens - root * blockSize));
      }
    }
    for (const block of blocks) holder[block] = id;
  }
  const turnsAt: number[] = [];
  const goesOnAt: number[] = [];
  for (let id = 0; id < count; id++) {
    if (known[id] === 0 && continued[id] === 0) continue;
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
    addedAfterCut,
    keptShares,
    byLength: likelihoods(alone, inputs, known, continued),
    shared: {
      rootBlocks: root,
      share: Number((ownTokens.length / starts).toPrecision(3)),
      ...describePrefixes([...prefixes.values()]),
      ownPrompt: ownTokens.length > 0 ? quantilesOf(ownTokens) : [1],
    },
  };
}

/** How often prompts that can be known again are gone on from, by fifths of the length of all, over the mean. */
function likelihoods(ids: readonly number[], inputs: Float64Array, known: Uint8Array, continued: Uint8Array): number[] {
  const sorted = ids.toSorted((a, b) => inputs[a] - inputs[b]);
  const shareOf = (part: readonly number[]) => {
    const able = part.filter((id) => known[id] === 1);
    return able.length > 0 ? able.filter((id) => continued[id] === 1).length / able.length : 0;
  };
  const mean = shareOf(sorted);
  const fifth = (i: number) =>
    sorted.slice(Math.round((i * sorted.length) / 5), Math.round(((i + 1) * sorted.length) / 5));
  return Array.from({ length: 5 }, (_, i) => (mean > 0 ? Number((shareOf(fifth(i)) / mean).toPrecision(3)) : 1));
}

/** A prefix that unrelated requests begin with, after the root. */
interface SharedPrefix {
  /** Its last block. */
  readonly node: number;
  readonly length: number;
  uses: number;
  /** Up to where the first way parts: the prefix itself, if none does before. */
  readonly trunk: { readonly node: number; readonly length: number };
}

/** Prefixes as numbers: the most used one by one, trunks that several stand on, the rest as a distribution. */
function describePrefixes(prefixes: SharedPrefix[]): Omit<SharedParameters, "rootBlocks" | "share" | "ownPrompt"> {
  prefixes.sort((a, b) => b.uses - a.uses || a.node - b.node);
  const trunks = new Map<number, { length: number; uses: number; prefixes: number }>();
  for (const { trunk, uses } of prefixes) {
    const known = trunks.get(trunk.node) ?? { length: trunk.length, uses: 0, prefixes: 0 };
    trunks.set(trunk.node, { ...known, uses: known.uses + uses, prefixes: known.prefixes + 1 });
  }
  const told = [...trunks]
    .filter(([, trunk]) => trunk.prefixes > 1)
    .sort(([a, x], [b, y]) => y.uses - x.uses || a - b)
    .slice(0, toldTrunks);
  const indexOf = new Map(told.map(([node], index) => [node, index]));
  const trunkOf = ({ trunk }: SharedPrefix) => indexOf.get(trunk.node) ?? -1;
  const lengthOf = (prefix: SharedPrefix) => prefix.length - (trunkOf(prefix) < 0 ? 0 : prefix.trunk.length);
  const [leading, others] = [prefixes.slice(0, leadingPrefixes), prefixes.slice(leadingPrefixes)];
  const on = (index: number) => others.filter((prefix) => trunkOf(prefix) === index).length;
  return {
    prefixes: prefixes.length,
    zipf: zipfExponent(prefixes.map(({ uses }) => uses)),
    trunks: told.map(([, { length }]) => length),
    trunkShares: told.map((_, index) => Number((on(index) / Math.max(1, others.length)).toPrecision(3))),
    leadingBlocks: leading.map(lengthOf),
    leadingTrunks: leading.map(trunkOf),
    blocks: quantilesOf(others.map(lengthOf)),
  };
}

/** Blocks of the root; whether a block is continued in four ways or more, and whether it lies on the way to such a one. */
function sharedBlocks(trace: Trace): { root: number; shared: Uint8Array; branching: Uint8Array } {
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
  const branching = branches.map((ways) => (ways >= branchesOfShared ? 1 : 0));
  return { root: Number.isFinite(root) ? root : 0, shared, branching };
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
