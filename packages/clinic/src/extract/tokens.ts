/** What a token is. */
export const Kind = { number: 1, term: 2, word: 3, han: 4, punctuation: 5, line: 6 } as const;

/** How a number is written. */
export const Written = { digits: 0, han: 1, english: 2 } as const;

/** The tokens of a note, in columns: a note of 10 MB has millions. */
export interface Tokens {
  count: number;
  kind: Uint8Array;
  start: Int32Array;
  end: Int32Array;
  /** Index of the term, or the code unit of punctuation. */
  ref: Int32Array;
  /** Of numbers. */
  value: Float64Array;
  /** The upper end of 七八 (7 to 8), else NaN. */
  high: Float64Array;
  /** Digits after the point. */
  decimals: Uint8Array;
  written: Uint8Array;
}

export function createTokens(capacity = 256): Tokens {
  return {
    count: 0,
    kind: new Uint8Array(capacity),
    start: new Int32Array(capacity),
    end: new Int32Array(capacity),
    ref: new Int32Array(capacity),
    value: new Float64Array(capacity),
    high: new Float64Array(capacity),
    decimals: new Uint8Array(capacity),
    written: new Uint8Array(capacity),
  };
}

/** Adds a token and gives its index; the columns double when full. */
export function push(tokens: Tokens, kind: number, start: number, end: number, ref = -1): number {
  const at = tokens.count++;
  if (at === tokens.kind.length) grow(tokens);
  tokens.kind[at] = kind;
  tokens.start[at] = start;
  tokens.end[at] = end;
  tokens.ref[at] = ref;
  tokens.high[at] = Number.NaN;
  return at;
}

function grow(tokens: Tokens): void {
  const capacity = tokens.kind.length * 2;
  const bigger = createTokens(capacity);
  for (const key of ["kind", "start", "end", "ref", "value", "high", "decimals", "written"] as const) {
    bigger[key].set(tokens[key] as never);
    (tokens as unknown as Record<string, unknown>)[key] = bigger[key];
  }
}
