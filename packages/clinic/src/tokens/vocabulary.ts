/** Tokens that stand for no text of their own, at the head of every vocabulary. */
export const specialTokens = ["[CLS]", "[UNK]", "[MASK]", "[DISEASE]"] as const;

export const special = { cls: 0, unknown: 1, mask: 2, disease: 3 } as const;

/** All that turns notes into ids: one JSON file in a model's directory. */
export interface Vocabulary {
  readonly schema: "baltoro.clinic-vocabulary/1";
  /** By id: the special tokens, placeholders "[CODE]" of numbers, characters, English pieces ("##" continues a word). */
  readonly tokens: readonly string[];
  /** Chinese words of two characters and more, by id. */
  readonly words: readonly string[];
}

/** A vocabulary with its tables to look things up in. */
export interface Lookup {
  readonly vocabulary: Vocabulary;
  readonly ids: ReadonlyMap<string, number>;
  readonly words: ReadonlyMap<string, number>;
  readonly longestWord: number;
  readonly longestPiece: number;
}

export function lookupOf(vocabulary: Vocabulary): Lookup {
  const lengths = (texts: readonly string[]) => texts.reduce((most, text) => Math.max(most, text.length), 1);
  return {
    vocabulary,
    ids: new Map(vocabulary.tokens.map((token, id) => [token, id])),
    words: new Map(vocabulary.words.map((word, id) => [word, id])),
    longestWord: lengths(vocabulary.words),
    longestPiece: lengths(vocabulary.tokens.filter((token) => /^(##)?[a-z]+$/.test(token))),
  };
}

/** The token that takes the place of a number of this code. */
export function placeholderOf(code: string): string {
  return `[${code}]`;
}

/** The placeholder of codes that the vocabulary does not have. */
export const otherPlaceholder = placeholderOf("other");

/** @throws if the JSON is no vocabulary, saying what is wrong. */
export function parseVocabulary(json: string, path: string): Vocabulary {
  const fail = (why: string): never => {
    throw new Error(`${path}: ${why}; expected a vocabulary as \`baltoro clinic train\` writes it`);
  };
  let value: Partial<Vocabulary>;
  try {
    value = JSON.parse(json) as Partial<Vocabulary>;
  } catch (error) {
    return fail((error as Error).message);
  }
  const isList = (list: unknown) => Array.isArray(list) && list.every((text) => typeof text === "string");
  if (value?.schema !== "baltoro.clinic-vocabulary/1") fail(`schema is ${JSON.stringify(value?.schema)}`);
  if (!isList(value.tokens)) fail("tokens is no list of strings");
  if (!isList(value.words)) fail("words is no list of strings");
  for (const [id, token] of specialTokens.entries()) {
    if (value.tokens?.[id] !== token) fail(`token ${id} is ${JSON.stringify(value.tokens?.[id])}, expected ${token}`);
  }
  return value as Vocabulary;
}
