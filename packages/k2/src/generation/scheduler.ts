import { BlockPool } from "./block-pool.ts";
import { type BatchRow, maxBatchRows, type PagedModel } from "./paged-model.ts";
import { logprobOf, type SamplingOptions, sample, type TokenLogprob, topLogprobs } from "./sampler.ts";

/** A request to continue, or to score, a sequence of tokens. */
export interface SequenceRequest {
  readonly prompt: readonly number[] | Int32Array;
  /** Tokens to generate; 0 with `score`. */
  readonly maxTokens: number;
  readonly sampling: SamplingOptions;
  /** A token that ends the text; it is not part of it. */
  readonly stopIds: readonly number[];
  /** Report the n most likely tokens beside each; 0: the log-probability of the chosen one only if `logprobs`. */
  readonly topLogprobs: number;
  readonly logprobs: boolean;
  /** Log-probabilities of the prompt's own tokens are wanted, with as many alternatives as `topLogprobs` says. */
  readonly score?: boolean;
}

/** How likely a token of the prompt was, given those before it. */
export interface TokenScore {
  readonly logprob: number;
  /** The most likely tokens at its place, best first; empty unless asked for. */
  readonly top: readonly TokenLogprob[];
}

/** Why a sequence ended. */
export type FinishReason = "stop" | "length" | "cancelled";

/** What a sequence tells while it runs. */
export interface SequenceListener {
  /** Return true to end the sequence (a stop string was met). */
  onToken(token: number, logprob: number | undefined, top: readonly TokenLogprob[] | undefined): boolean;
  /** `scores` has an entry for each token of the prompt but the first, if they were asked for. */
  onFinish(reason: FinishReason, scores: readonly TokenScore[]): void;
  onError(error: Error): void;
}

interface Sequence {
  readonly id: number;
  readonly request: SequenceRequest;
  readonly listener: SequenceListener;
  /** Prompt and generated tokens. */
  readonly tokens: number[];
  readonly promptLength: number;
  /** Positions whose latents are in the cache. */
  computed: number;
  readonly blocks: number[];
  /** Row of the block table, −1 while waiting. */
  slot: number;
  readonly scores: TokenScore[];
}

/**
 * Continuous batching (Yu et al. 2022): every step takes one token of each running sequence and fills the batch up with
 * chunks of prompts, oldest first, so that a long prompt never holds up those who are being answered. Where the cache is
 * full, the youngest sequence gives its blocks back and is computed again later; since draws depend on (seed, position)
 * alone, its text does not change.
 */
export class Scheduler {
  readonly #model: PagedModel;
  readonly #pool: BlockPool;
  readonly #waiting: Sequence[] = [];
  readonly #running: Sequence[] = [];
  #nextId = 1;

  constructor(model: PagedModel) {
    this.#model = model;
    this.#pool = new BlockPool(model.blocks, model.blockSize);
  }

  /** Tokens of the longest sequence: the context, or all the cache holds. */
  get #longest(): number {
    return Math.min(this.#model.maxContext, this.#pool.total * this.#pool.blockSize);
  }

  get idle(): boolean {
    return this.#waiting.length === 0 && this.#running.length === 0;
  }

  /**
   * Puts a sequence into the queue and returns its id.
   *
   * @throws if it is empty, or longer than the context or the cache.
   */
  add(request: SequenceRequest, listener: SequenceListener): number {
    const length = request.prompt.length;
    const most = this.#longest;
    if (length === 0) throw new Error("the prompt is empty: give at least one token");
    if (length + Math.min(request.maxTokens, 1) > most) {
      throw new Error(
        `the prompt has ${length} tokens, the model takes ${most - Math.min(request.maxTokens, 1)} at most`,
      );
    }
    const { vocabSize } = this.#model.model.config;
    for (const token of request.prompt) {
      if (!Number.isInteger(token) || token < 0 || token >= vocabSize) {
        throw new Error(`the prompt holds token ${token}, the vocabulary has ids 0 … ${vocabSize - 1}`);
      }
    }
    const id = this.#nextId++;
    if (request.maxTokens === 0 && (length === 1 || !request.score)) {
      // Nothing to compute: no scores are wanted, or the only token is the first, which has none.
      queueMicrotask(() => listener.onFinish("length", []));
      return id;
    }
    this.#waiting.push({
      id,
      request,
      listener,
      tokens: Array.from(request.prompt),
      promptLength: length,
      computed: 0,
      blocks: [],
      slot: -1,
      scores: [],
    });
    return id;
  }

  /** Ends a sequence early. Unknown ids are ignored: it may have just finished. */
  cancel(id: number): void {
    const sequence = [...this.#waiting, ...this.#running].find((candidate) => candidate.id === id);
    if (sequence) this.#finish(sequence, "cancelled");
  }

  /** Ends every sequence with an error: the device is gone. */
  fail(error: Error): void {
    for (const sequence of [...this.#waiting, ...this.#running]) {
      this.#remove(sequence);
      sequence.listener.onError(error);
    }
  }

  /** Forgets all cached latents, so that running sequences go on under new weights as if they had always been there. */
  recompute(): void {
    for (const sequence of this.#running) {
      this.#pool.release(sequence.blocks);
      sequence.computed = 0;
      sequence.scores.length = 0;
    }
  }

  /** Runs one batch. False where there was nothing to do. */
  async step(): Promise<boolean> {
    this.#admit();
    const { rows, chunks, wanted } = this.#compose();
    if (rows.length === 0) return false;
    const logits = await this.#model.run(
      rows,
      wanted.map(({ row }) => row),
    );
    const { vocabSize } = this.#model.model.config;
    for (const { sequence, count } of chunks) sequence.computed += count;
    for (const [i, { sequence, position }] of wanted.entries()) {
      // It may have been cancelled while the batch ran.
      if (sequence.slot < 0) continue;
      this.#useLogits(sequence, position, logits.subarray(i * vocabSize, (i + 1) * vocabSize));
    }
    return true;
  }

  #admit(): void {
    const slots = new Set(this.#running.map(({ slot }) => slot));
    for (let slot = 0; slot < this.#model.maxSequences && this.#waiting.length > 0; slot++) {
      if (slots.has(slot)) continue;
      const next = this.#waiting[0];
      // Room for the whole prompt, so that a sequence is not preempted before it has said a word.
      if (this.#pool.blocksFor(next.tokens.length + 1) > this.#pool.available && this.#running.length > 0) return;
      this.#waiting.shift();
      next.slot = slot;
      this.#running.push(next);
    }
  }

  #compose() {
    const rows: BatchRow[] = [];
    const chunks: { sequence: Sequence; count: number }[] = [];
    const wanted: { sequence: Sequence; row: number; position: number }[] = [];
    const pending = (sequence: Sequence) => sequence.tokens.length - sequence.computed;
    const order = [...this.#running].sort((a, b) => Number(pending(a) > 1) - Number(pending(b) > 1) || a.id - b.id);
    for (const sequence of order) {
      const count = Math.min(pending(sequence), maxBatchRows - rows.length);
      if (count <= 0 || sequence.slot < 0 || !this.#reserve(sequence, sequence.computed + count, chunks)) continue;
      this.#model.setBlockTable(sequence.slot, sequence.blocks);
      for (let i = 0; i < count; i++) {
        const position = sequence.computed + i;
        const last = position === sequence.tokens.length - 1;
        // A sequence that is computed again has generated tokens behind its prompt: those have no scores.
        const scored = sequence.request.score && position < sequence.promptLength - 1;
        if (scored || (last && sequence.request.maxTokens > 0)) wanted.push({ sequence, row: rows.length, position });
        rows.push({ token: sequence.tokens[position], position, sequence: sequence.slot });
      }
      chunks.push({ sequence, count });
    }
    return { rows, chunks, wanted };
  }

  /** Cache blocks for a sequence, taken from younger ones that are not in this batch if need be. */
  #reserve(sequence: Sequence, positions: number, chunks: readonly { sequence: Sequence }[]): boolean {
    while (!this.#pool.extend(sequence.blocks, positions)) {
      const inBatch = new Set(chunks.map((chunk) => chunk.sequence));
      const victim = this.#running.findLast(
        (other) => other !== sequence && other.id > sequence.id && !inBatch.has(other) && other.blocks.length > 0,
      );
      if (!victim) return false;
      this.#pool.release(victim.blocks);
      victim.computed = 0;
      victim.slot = -1;
      victim.scores.length = 0;
      this.#running.splice(this.#running.indexOf(victim), 1);
      this.#waiting.unshift(victim);
    }
    return true;
  }

  #useLogits(sequence: Sequence, position: number, logits: Float32Array): void {
    const { request, listener, tokens } = sequence;
    try {
      if (position < tokens.length - 1) {
        sequence.scores.push({
          logprob: logprobOf(logits, tokens[position + 1]),
          top: request.topLogprobs > 0 ? topLogprobs(logits, request.topLogprobs) : [],
        });
        if (position === tokens.length - 2 && request.maxTokens === 0) this.#finish(sequence, "length");
        return;
      }
      const token = sample(logits, request.sampling, tokens.length);
      if (request.stopIds.includes(token)) {
        this.#finish(sequence, "stop");
        return;
      }
      tokens.push(token);
      const wantsLogprobs = request.logprobs || request.topLogprobs > 0;
      const top = request.topLogprobs > 0 ? topLogprobs(logits, request.topLogprobs) : undefined;
      const stop = listener.onToken(token, wantsLogprobs ? logprobOf(logits, token) : undefined, top);
      const generated = tokens.length - sequence.promptLength;
      if (stop) this.#finish(sequence, "stop");
      else if (generated >= request.maxTokens || tokens.length >= this.#longest) this.#finish(sequence, "length");
    } catch (error) {
      this.#remove(sequence);
      listener.onError(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #finish(sequence: Sequence, reason: FinishReason): void {
    this.#remove(sequence);
    sequence.listener.onFinish(reason, sequence.scores);
  }

  #remove(sequence: Sequence): void {
    for (const list of [this.#waiting, this.#running]) {
      const at = list.indexOf(sequence);
      if (at >= 0) list.splice(at, 1);
    }
    sequence.slot = -1;
    this.#pool.release(sequence.blocks);
  }

  /** Throws if cache blocks are lost or held twice. */
  checkIntegrity(): void {
    this.#pool.checkIntegrity([...this.#waiting, ...this.#running].map(({ blocks }) => blocks));
  }
}
