import { Arena, type ArenaBlock } from "./arena.ts";
import type { Backend, BufferHandle } from "./backend.ts";
import type { DType } from "./dtype.ts";
import type { Origin } from "./saved.ts";

/** Memory behind one or more tensors, counted by references: it is given back when the last of them is released. */
export class Storage {
  readonly handle: BufferHandle;
  readonly label: string;
  /** How the backward pass gets the values back; null: they are kept for it. */
  origin: Origin | null = null;
  readonly #giveBack: () => void;
  #references = 1;

  constructor(handle: BufferHandle, label: string, giveBack: () => void) {
    this.handle = handle;
    this.label = label;
    this.#giveBack = giveBack;
  }

  get references(): number {
    return this.#references;
  }

  retain(): void {
    this.#references++;
  }

  release(): void {
    if (--this.#references === 0) this.#giveBack();
    if (this.#references < 0) throw new Error(`storage of ${this.label} was released twice`);
  }
}

/** What a scope holds until it ends. */
interface Releasable {
  release(): void;
}

/** The memory of a device: persistent buffers, the arena of the current step, and the scopes that end its tensors. */
export class Memory {
  readonly arena: Arena;
  readonly #backend: Backend;
  readonly #scopes: Set<Releasable>[] = [];

  constructor(backend: Backend) {
    this.#backend = backend;
    this.arena = new Arena(backend);
  }

  get inScope(): boolean {
    return this.#scopes.length > 0;
  }

  get depth(): number {
    return this.#scopes.length;
  }

  /** Memory that lives until it is released: parameters, optimizer state, inputs of a captured step. */
  persistent(byteLength: number, label: string, dtype: DType = "f32"): Storage {
    const handle = this.#backend.alloc(Math.max(byteLength, 4), label, dtype);
    return new Storage(handle, label, () => this.#backend.free(handle));
  }

  /** Memory of the current step: from the arena inside a scope, persistent outside. */
  allocate(byteLength: number, label: string, dtype: DType = "f32"): Storage {
    if (!this.inScope) return this.persistent(byteLength, label, dtype);
    const block: ArenaBlock = this.arena.allocate(byteLength, label, dtype);
    return new Storage(block.handle, label, () => this.arena.free(block));
  }

  open(): void {
    this.#scopes.push(new Set());
  }

  /** Ends the innermost scope: releases what it holds except `kept`, which move to the scope around it. */
  close(kept: ReadonlySet<Releasable>): void {
    const scope = this.#scopes.pop();
    if (!scope) throw new Error("memory: a scope was closed that is not open");
    const outer = this.#scopes.at(-1);
    for (const item of scope) {
      if (kept.has(item)) outer?.add(item);
      else item.release();
    }
  }

  /** Puts a tensor into the innermost scope, if there is one. */
  track(item: Releasable): void {
    this.#scopes.at(-1)?.add(item);
  }

  /** Forgets a tensor that was released by hand. */
  untrack(item: Releasable): void {
    for (let i = this.#scopes.length - 1; i >= 0; i--) if (this.#scopes[i].delete(item)) return;
  }
}
