import { hash } from "node:crypto";

/** What a block's name depends on besides its tokens. */
export interface HashContext {
  /** Weights and everything else that changes KV: model, revision, KV dtype, adapter. */
  readonly model: string;
  /** Requests of different salts never share a block, nor learn by timing whether the other has one. */
  readonly salt?: string;
  /** Tokens of a block. */
  readonly blockTokens: number;
}

/** Words (32 bits) of a block's name: the first 128 bits of a SHA-256. */
export const nameWords = 4;

/** Names of a prompt's complete blocks, in order. */
export interface BlockNames {
  /** {@link nameWords} words per block. */
  readonly words: Uint32Array;
  readonly count: number;
  /** Chain value after the last of them: continue with it when more tokens come. */
  readonly last: Uint8Array;
  /** Tokens after the last complete block; they have no name yet. */
  readonly restTokens: number;
}

/** Chain value before the first block. @throws RangeError if `blockTokens` is not an integer from 1 to 65536. */
export function chainRoot({ model, salt = "", blockTokens }: HashContext): Uint8Array {
  checkBlockTokens(blockTokens);
  return hash("sha256", JSON.stringify(["baltoro-kv-1", model, salt, blockTokens]), "buffer");
}

/**
 * Names complete blocks by the chain name[i] = SHA-256(chain[i−1] ‖ tokens of block i, little-endian words), so that equal names mean
 * equal tokens from the prompt's start, under the same model and salt. A cryptographic hash, as a collision would serve one user
 * another's KV.
 *
 * @param start - {@link chainRoot}, or `last` of the tokens before these.
 * @throws RangeError naming the first token that is not an integer from 0 to 2³² − 1.
 *
 * @example
 * const names = hashBlocks(chainRoot({ model: "k2-nano", blockTokens: 16 }), tokens, 16);
 */
export function hashBlocks(start: Uint8Array, tokens: ArrayLike<number>, blockTokens: number): BlockNames {
  checkBlockTokens(blockTokens);
  if (start.length !== 32) throw new RangeError(`chain value has ${start.length} bytes, not 32: pass chainRoot(...)`);
  const count = Math.floor(tokens.length / blockTokens);
  const words = new Uint32Array(count * nameWords);
  const input = new Uint8Array(32 + blockTokens * 4);
  const view = new DataView(input.buffer);
  let last = start;
  for (let block = 0; block < count; block++) {
    input.set(last, 0);
    for (let i = 0; i < blockTokens; i++) {
      const token = tokens[block * blockTokens + i];
      if (token >>> 0 !== token) {
        throw new RangeError(`token ${block * blockTokens + i} is ${token}, not an integer from 0 to 4294967295`);
      }
      view.setUint32(32 + i * 4, token, true);
    }
    last = hash("sha256", input, "buffer");
    const digest = new DataView(last.buffer, last.byteOffset);
    for (let w = 0; w < nameWords; w++) words[block * nameWords + w] = digest.getUint32(w * 4);
  }
  return { words, count, last, restTokens: tokens.length - count * blockTokens };
}

function checkBlockTokens(blockTokens: number): void {
  if (!Number.isInteger(blockTokens) || blockTokens < 1 || blockTokens > 65536) {
    throw new RangeError(`blockTokens is ${blockTokens}; it must be an integer from 1 to 65536`);
  }
}
