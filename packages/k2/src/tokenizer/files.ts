import { createHash } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeAtomically } from "@baltoro/tensor";
import { buildMergeTable, mergePiece } from "./merge.ts";
import { publishedPattern } from "./pattern.ts";
import { Tokenizer } from "./tokenizer.ts";

/** Name of the ranks file, as K2 publishes it. */
export const ranksFile = "tiktoken.model";

/**
 * Reads ranks from a tiktoken.model: a line per token, its bytes in base64 and its rank.
 *
 * @throws for a malformed line, a rank twice, or one missing, naming file and line.
 */
export function parseRanks(text: string, path = ranksFile): string[] {
  const tokens: string[] = [];
  for (const [i, line] of text.split("\n").entries()) {
    if (line === "") continue;
    const [, base64, rank] = /^([A-Za-z0-9+/]+={0,2}) (\d+)$/.exec(line) ?? [];
    if (rank === undefined)
      throw new Error(`${path}:${i + 1}: expected "BASE64 RANK", found ${JSON.stringify(line.slice(0, 60))}`);
    if (tokens[Number(rank)] !== undefined) throw new Error(`${path}:${i + 1}: rank ${rank} stands here a second time`);
    tokens[Number(rank)] = Buffer.from(base64, "base64").toString("latin1");
  }
  for (let rank = 0; rank < tokens.length; rank++)
    if (tokens[rank] === undefined) throw new Error(`${path}: rank ${rank} is missing`);
  return tokens;
}

export function formatRanks(tokens: readonly string[]): string {
  return tokens.map((token, rank) => `${Buffer.from(token, "latin1").toString("base64")} ${rank}\n`).join("");
}

/** Reads the tokenizer of a checkpoint directory. */
export async function loadTokenizer(directory: string): Promise<Tokenizer> {
  const path = join(directory, ranksFile);
  const text = await readFile(path, "utf8").catch(() => {
    throw new Error(`${path} cannot be read: a checkpoint directory needs its tokenizer`);
  });
  return new Tokenizer(parseRanks(text, path));
}

/** Writes tiktoken.model, tokenizer.json and tokenizer_config.json, each whole or not at all. */
export async function saveTokenizer(tokenizer: Tokenizer, directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  const write = (name: string, text: string) =>
    writeAtomically(join(directory, name), (handle) => handle.writeFile(text));
  await write(ranksFile, formatRanks(tokenizer.tokens));
  await write("tokenizer.json", `${JSON.stringify(toTokenizerJson(tokenizer))}\n`);
  const config = {
    tokenizer_class: "PreTrainedTokenizerFast",
    bos_token: "[BOS]",
    eos_token: "[EOS]",
    pad_token: "[PAD]",
    unk_token: "[UNK]",
  };
  await write("tokenizer_config.json", `${JSON.stringify(config, null, 2)}\n`);
}

/** A short name for the ranks: equal for tokenizers that give equal ids. */
export function tokenizerHash(tokenizer: Tokenizer): string {
  return createHash("sha256").update(formatRanks(tokenizer.tokens)).digest("hex").slice(0, 16);
}

/** The format of Hugging Face's `tokenizers`: merges are recovered from the ranks. */
function toTokenizerJson(tokenizer: Tokenizer): object {
  const { tokens } = tokenizer;
  const table = buildMergeTable(tokens);
  const ids = new Map(tokens.map((token, id) => [token, id]));
  const single = new Map(tokens.flatMap((token, id) => (token.length === 1 ? [[token, id] as const] : [])));
  const merges = tokens.flatMap((token, id) => {
    if (token.length === 1) return [];
    // What the token falls into when only lower ranks may merge: its two halves.
    const lower = { size: table.size, pairs: new Map([...pairsOf(token)].filter(([, merged]) => merged < id)) };
    const halves = mergePiece(
      Array.from(token, (character) => single.get(character) as number),
      lower,
    );
    return halves.length === 2 ? [[printable(tokens[halves[0]]), printable(tokens[halves[1]])]] : [];
  });
  function* pairsOf(token: string): Generator<[number, number]> {
    const parts = new Set<number>();
    for (let from = 0; from < token.length; from++) {
      for (let to = from + 1; to <= token.length; to++) {
        const id = ids.get(token.slice(from, to));
        if (id !== undefined) parts.add(id);
      }
    }
    for (const a of parts) {
      for (const b of parts) {
        const merged = table.pairs.get(a * table.size + b);
        if (merged !== undefined) yield [a * table.size + b, merged];
      }
    }
  }
  const added = [...tokenizer.specials].map(([content, id]) => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  }));
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: added,
    normalizer: null,
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        { type: "Split", pattern: { Regex: publishedPattern }, behavior: "Isolated", invert: false },
        { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false },
      ],
    },
    post_processor: null,
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [printable(token), id])),
      merges,
    },
  };
}

/** GPT-2's map of bytes to visible characters, which the format uses. */
const byteCharacters = (() => {
  const visible = (byte: number) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(visible(byte) ? byte : next++));
})();

function printable(token: string): string {
  return Array.from(token, (character) => byteCharacters[character.charCodeAt(0)]).join("");
}
