/** How many ids at the end of the vocabulary are special. */
export const specialCount = 256;

/** K2's named special tokens, by their place behind the last rank (tokenization_kimi.py). */
const named: Readonly<Record<number, string>> = {
  0: "[BOS]",
  1: "[EOS]",
  2: "<|im_end|>",
  3: "<|im_user|>",
  4: "<|im_assistant|>",
  6: "<|start_header_id|>",
  7: "<|end_header_id|>",
  9: "[EOT]",
  10: "<|im_system|>",
  11: "<|tool_calls_section_begin|>",
  12: "<|tool_calls_section_end|>",
  13: "<|tool_call_begin|>",
  14: "<|tool_call_argument_begin|>",
  15: "<|tool_call_end|>",
  17: "<|im_middle|>",
  254: "[UNK]",
  255: "[PAD]",
};

/** Ids by name for a vocabulary of `ranks` ordinary tokens. Unnamed slots are <|reserved_token_ID|>. */
export function specialTokens(ranks: number): Map<string, number> {
  return new Map(
    Array.from({ length: specialCount }, (_, slot) => [
      named[slot] ?? `<|reserved_token_${ranks + slot}|>`,
      ranks + slot,
    ]),
  );
}
