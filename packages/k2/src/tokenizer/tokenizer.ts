import { buildMergeTable, type MergeTable, mergePiece } from "./merge.ts";
import { pieceEnd } from "./scanner.ts";
import { specialTokens } from "./special.ts";

/** Options of encoding. */
export interface EncodeOptions {
  /** Names of special tokens in the text become their ids: all of them, or none (default), so that user text stays text. */
  readonly allowedSpecial?: "all" | "none";
}

/** Turns ids into text as they come, holding back bytes until their character is whole. */
export interface StreamingDecoder {
  push(id: number): string;
  /** What is held back, broken characters as U+FFFD. */
  flush(): string;
}

/** Most pieces whose ids are remembered. Books have some hundred thousand different ones. */
const cacheLimit = 1 << 17;

/** Byte-level BPE with K2's pieces and special tokens. */
export class Tokenizer {
  /** Bytes of each ordinary token by rank, one character per byte. */
  readonly tokens: readonly string[];
  readonly specials: ReadonlyMap<string, number>;
  readonly vocabSize: number;
  readonly bosId: number;
  readonly eosId: number;
  readonly imEndId: number;
  readonly padId: number;
  readonly #merges: MergeTable;
  readonly #cache = new Map<string, readonly number[]>();
  readonly #byteIds: readonly number[];
  readonly #specialNames: ReadonlyMap<number, string>;
  readonly #encoder = new TextEncoder();

  /** @throws if a byte has no token of its own: some text could not be encoded. */
  constructor(tokens: readonly string[]) {
    this.tokens = tokens;
    this.specials = specialTokens(tokens.length);
    this.vocabSize = tokens.length + this.specials.size;
    const ids = new Map(tokens.map((token, id) => [token, id]));
    this.#byteIds = Array.from({ length: 256 }, (_, byte) => {
      const id = ids.get(String.fromCharCode(byte));
      if (id === undefined)
        throw new Error(`tokenizer: byte ${byte} has no token; the ranks must hold all 256 single bytes`);
      return id;
    });
    this.#merges = buildMergeTable(tokens);
    this.#specialNames = new Map([...this.specials].map(([name, id]) => [id, name]));
    this.bosId = this.special("[BOS]");
    this.eosId = this.special("[EOS]");
    this.imEndId = this.special("<|im_end|>");
    this.padId = this.special("[PAD]");
  }

  /** Id of a special token. @throws if there is none of that name. */
  special(name: string): number {
    const id = this.specials.get(name);
    if (id === undefined) throw new Error(`tokenizer: there is no special token ${name}`);
    return id;
  }

  /** Ids of a text. Lone surrogates count as U+FFFD. */
  encode(text: string, { allowedSpecial = "none" }: EncodeOptions = {}): number[] {
    const ids: number[] = [];
    const wellFormed = text.toWellFormed();
    if (allowedSpecial === "none") {
      this.#encodePlain(wellFormed, ids);
      return ids;
    }
    for (const part of wellFormed.split(/(<\|[^|>]*\|>|\[[A-Z]{3}\])/u)) {
      const id = this.specials.get(part);
      if (id === undefined) this.#encodePlain(part, ids);
      else ids.push(id);
    }
    return ids;
  }

  #encodePlain(text: string, ids: number[]): void {
    for (let at = 0; at < text.length; ) {
      const end = pieceEnd(text, at);
      const piece = text.slice(at, end);
      at = end;
      let encoded = this.#cache.get(piece);
      if (encoded === undefined) {
        encoded = this.#encodePiece(piece);
        if (this.#cache.size >= cacheLimit) this.#cache.clear();
        if (piece.length <= 64) this.#cache.set(piece, encoded);
      }
      for (let i = 0; i < encoded.length; i++) ids.push(encoded[i]);
    }
  }

  #encodePiece(piece: string): readonly number[] {
    const bytes = this.#encoder.encode(piece);
    return mergePiece(
      Array.from(bytes, (byte) => this.#byteIds[byte]),
      this.#merges,
    );
  }

  /** Bytes of a token; a special token's are those of its name. */
  tokenBytes(id: number): Uint8Array {
    const token = this.tokens[id];
    if (token !== undefined) return Uint8Array.from(token, (character) => character.charCodeAt(0));
    const name = this.#specialNames.get(id);
    if (name === undefined) throw new Error(`tokenizer: there is no id ${id}, they go from 0 to ${this.vocabSize - 1}`);
    return this.#encoder.encode(name);
  }

  /** Text of ids; bytes that are no UTF-8 become U+FFFD. */
  decode(ids: Iterable<number>): string {
    const decoder = this.createDecoder();
    let text = "";
    for (const id of ids) text += decoder.push(id);
    return text + decoder.flush();
  }

  createDecoder(): StreamingDecoder {
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    return {
      push: (id) => decoder.decode(this.tokenBytes(id), { stream: true }),
      flush: () => decoder.decode(),
    };
  }
}
