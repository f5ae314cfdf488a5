import type { Trace, TraceRequest } from "./types.ts";

/** Mean and quantiles of a length. */
export interface LengthStatistics {
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

/** What a trace is like. */
export interface TraceStatistics {
  readonly requests: number;
  readonly spanMs: number;
  readonly perSecond: number;
  /** Variance over mean of the counts in windows of about 30 requests: 1 is Poisson. */
  readonly dispersion: number;
  readonly input: LengthStatistics;
  readonly output: LengthStatistics;
  readonly blocks: number;
  readonly uniqueBlocks: number;
  /** Share of all blocks (and tokens) that a cache without limit, shared by all, has when the request comes. */
  readonly infiniteHitRatio: number;
  readonly infiniteHitRatioTokens: number;
  /** Share of all blocks that one LRU cache of that many blocks has. */
  readonly lruHitRatio: readonly { readonly blocks: number; readonly hitRatio: number }[];
}

const lruSizes = [1000, 3000, 10_000, 30_000, 100_000, 300_000];

/** Walks a trace once. Memory grows with its blocks: about 30 bytes each. */
export function traceStatistics(trace: Trace): TraceStatistics {
  const { blockSize, blockIds, requests: count, spanMs } = trace.info;
  const cache = createInfiniteCache(blockIds);
  const inputs = new Float64Array(count);
  const outputs = new Float64Array(count);
  let [blocks, hits, hitTokens] = [0, 0, 0];
  const all: Uint32Array[] = [];
  for (const { id, inputTokens, outputTokens, blocks: own } of trace.requests) {
    inputs[id] = inputTokens;
    outputs[id] = outputTokens;
    const hit = cache.visit(own);
    blocks += own.length;
    hits += hit;
    hitTokens += Math.min(hit * blockSize, inputTokens);
    all.push(own);
  }
  const uniqueBlocks = cache.size;
  const distances = stackDistances(all, blockIds, blocks);
  const tokens = inputs.reduce((sum, value) => sum + value, 0);
  const sizes = lruSizes.filter((size, i) => size < uniqueBlocks || lruSizes[i - 1] < uniqueBlocks || i === 0);
  return {
    requests: count,
    spanMs,
    perSecond: spanMs > 0 ? ((count - 1) / spanMs) * 1000 : 0,
    dispersion: dispersionOf(trace.requests, spanMs, count),
    input: lengths(inputs),
    output: lengths(outputs),
    blocks,
    uniqueBlocks,
    infiniteHitRatio: hits / blocks,
    infiniteHitRatioTokens: hitTokens / tokens,
    lruHitRatio: sizes.map((size) => ({ blocks: size, hitRatio: distances.within(size) / blocks })),
  };
}

/** A cache that forgets nothing. `visit` takes a prompt in and returns how many of its first blocks were there. */
function createInfiniteCache(blockIds: number) {
  const seen = new Uint8Array(blockIds);
  let size = 0;
  return {
    visit(blocks: Uint32Array): number {
      let hit = 0;
      while (hit < blocks.length && seen[blocks[hit]] === 1) hit++;
      for (let i = hit; i < blocks.length; i++) {
        size += 1 - seen[blocks[i]];
        seen[blocks[i]] = 1;
      }
      return hit;
    },
    get size() {
      return size;
    },
  };
}

/** Share of a trace's blocks that a cache without limit, shared by all, has when the request comes. */
export function infiniteHitRatio({ info, requests }: Trace): number {
  const cache = createInfiniteCache(info.blockIds);
  let [hits, all] = [0, 0];
  for (const { blocks } of requests) {
    hits += cache.visit(blocks);
    all += blocks.length;
  }
  return hits / all;
}

function lengths(values: Float64Array): LengthStatistics {
  const sorted = values.toSorted();
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { mean, p50: at(0.5), p90: at(0.9), p99: at(0.99), max: sorted[sorted.length - 1] };
}

/** Variance over mean of the counts in windows, the course over twelve parts of the trace taken out. */
export function dispersionOf(requests: Iterable<TraceRequest>, spanMs: number, count: number): number {
  const windows = Math.floor(count / 30);
  if (windows < 4 || spanMs <= 0) return 1;
  const counts = new Float64Array(windows);
  for (const { arrivalMs } of requests) counts[Math.min(windows - 1, Math.floor((arrivalMs / spanMs) * windows))]++;
  const parts = Math.max(1, Math.min(12, Math.floor(windows / 8)));
  let [squares, freedom] = [0, 0];
  for (let part = 0; part < parts; part++) {
    const slice = counts.slice(Math.round((part * windows) / parts), Math.round(((part + 1) * windows) / parts));
    const mean = slice.reduce((sum, value) => sum + value, 0) / slice.length;
    if (mean === 0) continue;
    for (const value of slice) squares += (value - mean) ** 2 / mean;
    freedom += slice.length - 1;
  }
  return freedom > 0 ? squares / freedom : 1;
}

/**
 * LRU stack distances (Mattson et al. 1970) of all references, a prompt's from its end to its start: the beginning is the
 * most recent then, so that what a cache holds of a prompt is always a prefix. A Fenwick tree over the references counts
 * the blocks used since.
 */
function stackDistances(prompts: readonly Uint32Array[], blockIds: number, references: number) {
  const last = new Float64Array(blockIds).fill(-1);
  const tree = new Int32Array(references + 1);
  const add = (at: number, value: number) => {
    for (let i = at + 1; i <= references; i += i & -i) tree[i] += value;
  };
  const upTo = (at: number) => {
    let sum = 0;
    for (let i = at + 1; i > 0; i -= i & -i) sum += tree[i];
    return sum;
  };
  const found: number[] = [];
  let [now, live] = [0, 0];
  for (const blocks of prompts) {
    for (let i = blocks.length - 1; i >= 0; i--) {
      const id = blocks[i];
      const previous = last[id];
      if (previous >= 0) {
        found.push(live - upTo(previous) + 1);
        add(previous, -1);
      } else live++;
      add(now, 1);
      last[id] = now++;
    }
  }
  const sorted = Float64Array.from(found).sort();
  return {
    /** References at a distance of `size` at most. */
    within(size: number): number {
      let [low, high] = [0, sorted.length];
      while (low < high) {
        const middle = (low + high) >> 1;
        if (sorted[middle] <= size) low = middle + 1;
        else high = middle;
      }
      return low;
    },
  };
}
