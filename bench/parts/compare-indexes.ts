import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { PrefixIndex, PrefixMatch } from "@baltoro/serving";
import { BlockChurn, type BlockEvent, percentile, type TraceLine } from "./conductor-load.ts";
import { BitsetIndex, RadixIndex } from "./prefix-indexes.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

export interface IndexFigures {
  readonly workers: number;
  readonly design: string;
  readonly walkP50Micros: number;
  readonly walkP99Micros: number;
  readonly nanosPerEvent: number;
  /** What the index takes, heap and buffers. */
  readonly mebibytes: number;
  /** Share of walks with the first design's answer. */
  readonly sameAnswers: number;
}

interface Index {
  add(worker: number, block: number, parent: number): void;
  remove(worker: number, block: number): void;
  walk(blocks: Int32Array): Int32Array;
}

/** The same events and walks through three designs. */
export async function compareIndexes(
  trace: readonly TraceLine[],
  workers: number,
  blocksHeld: number,
): Promise<IndexFigures[]> {
  const answers: number[] = [];
  const figures: IndexFigures[] = [];
  const designs: [string, () => Index][] = [
    ["packed entries, rows for hot blocks (kept)", packedIndex],
    ["map of ids to bitsets", () => plainIndex(new BitsetIndex(workers), workers)],
    ["radix tree", () => plainIndex(new RadixIndex(), workers)],
  ];
  for (const [design, make] of designs) {
    // Ids are not used again here: a tree may still know an old one.
    const churn = new BlockChurn(trace, workers, blocksHeld, 4_000_000);
    while (!churn.full) churn.next(() => {});
    const before = await usedBytes();
    const index = make();
    for (let worker = 0; worker < workers; worker++) index.add(worker, 0, -1);
    const apply = ({ stored, worker, block, parent }: BlockEvent) =>
      stored ? index.add(worker, block, parent) : index.remove(worker, block);
    churn.restate(apply);
    const mebibytes = ((await usedBytes()) - before) / 2 ** 20;
    figures.push({ workers, design, mebibytes, ...measure(index, churn, apply, workers, answers) });
  }
  return figures;
}

function measure(
  index: Index,
  churn: BlockChurn,
  apply: (event: BlockEvent) => void,
  workers: number,
  answers: number[],
): Omit<IndexFigures, "workers" | "design" | "mebibytes"> {
  const warmUp = 2000;
  const times = new Float64Array(20_000);
  const batch: BlockEvent[] = [];
  let ms = 0;
  let events = 0;
  let same = 0;
  for (let i = -warmUp; i < times.length; i++) {
    batch.length = 0;
    churn.next((event) => batch.push(event));
    let start = performance.now();
    for (const event of batch) apply(event);
    const applied = performance.now() - start;
    const blocks = churn.nextBlocks();
    start = performance.now();
    const found = index.walk(blocks);
    const walked = performance.now() - start;
    if (i < 0) continue;
    ms += applied;
    events += batch.length;
    times[i] = walked * 1000;
    let sum = 0;
    for (let worker = 0; worker < workers; worker++) sum += (worker + 1) * (found[worker] ?? 0);
    if (answers.length === i) answers.push(sum);
    if (answers[i] === sum) same++;
  }
  times.sort();
  return {
    walkP50Micros: percentile(times, 50),
    walkP99Micros: percentile(times, 99),
    nanosPerEvent: (ms * 1e6) / events,
    sameAnswers: same / times.length,
  };
}

function packedIndex(): Index {
  const index = new PrefixIndex();
  const match = new PrefixMatch();
  return {
    add: (worker, block) => void index.add(worker, block, "dram"),
    remove: (worker, block) => void index.remove(worker, block, "dram"),
    walk(blocks) {
      index.walk(blocks, match);
      return match.prefix;
    },
  };
}

function plainIndex(index: BitsetIndex | RadixIndex, workers: number): Index {
  const prefix = new Int32Array(workers);
  return {
    add: (worker, block, parent) => index.add(worker, block, parent),
    remove: (worker, block) => index.remove(worker, block),
    walk(blocks) {
      index.walk(blocks, prefix);
      return prefix;
    },
  };
}

/** When all garbage is gone. Buffers are given back a moment after their owners. */
async function usedBytes(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    collectGarbage();
    await sleep(20);
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
