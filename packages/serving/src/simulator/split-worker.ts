import type { BlockId, Role, Tier } from "../conductor/types.ts";
import type { CostModel } from "../costs/types.ts";
import { createPool, type EvictionName, type KvPool } from "../pool/index.ts";
import type { ViewEvent } from "../view/events.ts";
import type { DecodeInstance } from "./decode-instance.ts";
import type { Job } from "./job.ts";
import type { PrefillInstance } from "./prefill-instance.ts";

/** An event without what its sender's stream adds. */
type Unnumbered<T> = T extends ViewEvent ? Omit<T, "worker" | "sequence" | "atMs"> : never;

export interface PoolSizes {
  readonly dramBlocks: number;
  readonly ssdBlocks: number;
  readonly eviction: EvictionName;
}

/** A node, or a group of nodes that prefill together: what it runs, what it keeps, and its stream of events. */
export class SplitWorker {
  readonly id: number;
  readonly name: string;
  readonly pool: KvPool;
  readonly prefill: PrefillInstance;
  readonly decode: DecodeInstance;
  readonly #send: (event: ViewEvent) => void;
  role: Role;
  /** Jobs that have been assigned to it and have not left it, as prefill or as decode worker. */
  assigned = 0;
  hitTokens = 0;
  decodes = 0;
  readonly evicted = { device: 0, dram: 0, ssd: 0 };
  stored = 0;
  #sequence = 0;
  /** Changes of the pool since the last {@link tell}. */
  #changes: { kind: "stored" | "removed"; tier: Tier; blocks: BlockId[] }[] = [];

  constructor(
    id: number,
    name: string,
    role: "prefill" | "decode",
    { dramBlocks, ssdBlocks, eviction }: PoolSizes,
    prefill: PrefillInstance,
    decode: DecodeInstance,
    send: (event: ViewEvent) => void,
  ) {
    this.id = id;
    this.name = name;
    this.role = role;
    this.prefill = prefill;
    this.decode = decode;
    this.#send = send;
    this.pool = createPool({
      capacity: { dram: dramBlocks, ssd: ssdBlocks },
      eviction,
      listener: {
        stored: (block, tier) => {
          this.#change("stored", tier, block);
          if (tier === "dram") this.stored++;
        },
        removed: (block, tier) => {
          this.#change("removed", tier, block);
          this.evicted[tier]++;
        },
      },
    });
  }

  emit(nowMs: number, event: Unnumbered<ViewEvent>): void {
    this.#send({ ...event, worker: this.id, sequence: this.#sequence++, atMs: nowMs } as ViewEvent);
  }

  /** Tells the conductor its load, where it has any. */
  report(nowMs: number, cost: CostModel): void {
    const { size, context } = this.decode.batch;
    if (size > 0) {
      const decodeContextTokens = this.decode.contextAt(nowMs);
      this.emit(nowMs, { kind: "load", stepMs: cost.stepMs(0, 0, size, context), decodeContextTokens });
    } else if (this.prefill.length > 0) {
      this.emit(nowMs, { kind: "load", prefillBacklogMs: this.prefill.backlogMs(nowMs) });
    }
  }

  /** Keeps a job's first blocks until its prefill is over. */
  pinUpTo(job: Job, blocks: number): void {
    if (blocks <= job.pinnedBlocks) return;
    this.pool.pin(job.request.blocks, job.pinnedBlocks, blocks);
    job.pinnedBlocks = blocks;
  }

  /** How many of the first `count` blocks are in DRAM before the first that is not. */
  prefixInDram(blocks: ArrayLike<BlockId>, count: number): number {
    let found = 0;
    while (found < count && this.pool.tierOf(blocks[found]) === "dram") found++;
    return found;
  }

  /** A prompt is computed: all of its blocks are stored, as far as there is room, as used just now. */
  keepPrompt(job: Job, nowMs: number): void {
    const { blocks } = job.request;
    this.pool.store(blocks, 0, blocks.length, nowMs);
    this.pool.unpin(blocks, 0, job.pinnedBlocks);
    job.pinnedBlocks = 0;
    this.tell(nowMs);
  }

  /** Sends what has changed in the pool. */
  tell(nowMs: number): void {
    if (this.#changes.length === 0) return;
    for (const change of this.#changes) this.emit(nowMs, change);
    this.#changes = [];
  }

  /**
   * Evictions and stores of one operation alternate; they are sent as one event each where the order does not matter, which
   * is where none of the blocks has been stored before within the operation.
   */
  #change(kind: "stored" | "removed", tier: Tier, block: BlockId): void {
    const changes = this.#changes;
    for (let i = changes.length - 1; i >= 0 && i >= changes.length - 4; i--) {
      const change = changes[i];
      if (change.kind === kind && change.tier === tier) {
        change.blocks.push(block);
        return;
      }
      if (change.blocks.includes(block)) break;
    }
    changes.push({ kind, tier, blocks: [block] });
  }
}
