/** A set of spellings that finds the longest one at a place of a note, in time bounded by the longest spelling. */
export interface Trie {
  /**
   * The index of the longest spelling that starts at `at`, or -1. A spelling that ends in a Latin letter must not be followed by
   * one, nor a digit by a digit. Where it ends is left in {@link Trie.end}.
   */
  longest(codes: Uint16Array, at: number): number;
  readonly end: number;
}

/** Whether a code unit is a Latin letter, in lower case. */
export function isLetter(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || (code >= 0xdf && code <= 0x24f && code !== 0xf7);
}

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;

function cutsWord(codes: Uint16Array, last: number): boolean {
  const next = codes[last + 1];
  return (
    (isLetter(codes[last]) && isLetter(next)) ||
    (isDigit(codes[last]) && (isDigit(next) || (next === 0x2e && isDigit(codes[last + 2]))))
  );
}

/**
 * Builds a trie of spellings. Index i of `longest` is the i-th spelling. Few states branch, so that the children of all states are
 * kept in one hash of (state, character), open addressing.
 */
export function buildTrie(spellings: readonly string[]): Trie {
  const classOf = new Uint16Array(0x10000);
  let width = 1;
  let size = 1;
  for (const spelling of spellings) {
    size += spelling.length;
    for (let i = 0; i < spelling.length; i++) {
      const code = spelling.charCodeAt(i);
      if (classOf[code] === 0) classOf[code] = width++;
    }
  }
  let capacity = 1024;
  while (capacity < size * 3) capacity *= 2;
  const mask = capacity - 1;
  const keys = new Int32Array(capacity);
  const targets = new Int32Array(capacity);
  const accepts = new Int32Array(size).fill(-1);
  const slot = (state: number, cls: number): number => {
    const key = state * width + cls;
    let at = (Math.imul(key, 0x9e3779b1) >>> 7) & mask;
    while (keys[at] !== 0 && keys[at] !== key) at = (at + 1) & mask;
    return at;
  };
  let states = 1;
  spellings.forEach((spelling, index) => {
    let state = 0;
    for (let i = 0; i < spelling.length; i++) {
      const cls = classOf[spelling.charCodeAt(i)];
      const at = slot(state, cls);
      if (keys[at] === 0) {
        keys[at] = state * width + cls;
        targets[at] = states++;
      }
      state = targets[at];
    }
    accepts[state] = index;
  });

  let end = -1;
  return {
    get end() {
      return end;
    },
    longest(codes, at) {
      let state = 0;
      let found = -1;
      for (let i = at; i < codes.length; i++) {
        const cls = classOf[codes[i]];
        if (cls === 0) break;
        const place = slot(state, cls);
        if (keys[place] === 0) break;
        state = targets[place];
        if (accepts[state] >= 0 && !cutsWord(codes, i)) {
          found = accepts[state];
          end = i + 1;
        }
      }
      return found;
    },
  };
}
