import type { Token } from "../api/types.ts";
import type { Piece } from "./pieces.ts";

/** Shows a model's text as the tokens that it was made of. */
export interface Aligner {
  /** Takes what a chunk brought. */
  push(text: string, tokens: readonly Token[]): void;
  /** The text so far. Pieces once settled stay the same objects. */
  pieces(): Piece[];
}

/** How a part of a character is shown where a token is not whole characters. */
const partial = "\uFFFD";

/** How far ahead a token is looked for when the text does not have it where it should be. */
const reach = 64;

/**
 * Makes an {@link Aligner}. A server reports text and tokens apart: a character may be spread over tokens, the text may come later
 * than its tokens, and a stop string is in the tokens but not in the text. So each token is looked for in the text where the last
 * one ended; tokens that are parts of characters are put together up to the next whole one.
 */
export function createAligner(): Aligner {
  let text = "";
  const tokens: Token[] = [];
  const settled: Piece[] = [];
  let at = 0; // of text, up to which it is settled
  let next = 0; // of tokens

  const settle = (end: number, group: readonly Token[]) => {
    const piece = { text: text.slice(at, end), by: "model" } as const;
    if (piece.text !== "") settled.push(group.length > 0 ? { ...piece, tokens: group } : piece);
    at = end;
  };

  /** Settles the next token or group of tokens. Returns false where more text is needed. */
  function step(): boolean {
    const token = tokens[next];
    if (token.text.includes(partial)) return stepGroup();
    if (text.startsWith(token.text, at)) {
      settle(at + token.text.length, [token]);
      next++;
      return true;
    }
    if (token.text.startsWith(text.slice(at))) return false;
    const found = text.indexOf(token.text, at);
    if (found !== -1 && found - at <= reach) settle(found, []);
    else next++;
    return true;
  }

  function stepGroup(): boolean {
    let end = next;
    let least = 1;
    while (end < tokens.length && tokens[end].text.includes(partial)) {
      least += tokens[end].text.replaceAll(partial, "").length;
      end++;
    }
    if (end === tokens.length) return false;
    const found = text.indexOf(tokens[end].text, Math.min(text.length, at + least));
    if (found === -1) return false;
    settle(found, tokens.slice(next, end));
    next = end;
    return true;
  }

  return {
    push(more, moreTokens) {
      text += more;
      tokens.push(...moreTokens);
      while (next < tokens.length && step());
    },
    pieces() {
      const rest = text.slice(at);
      if (rest === "") return [...settled];
      const group = tokens.slice(next).filter((token, i) => i === 0 || token.text.includes(partial));
      return [...settled, group.length > 0 ? { text: rest, by: "model", tokens: group } : { text: rest, by: "model" }];
    },
  };
}
