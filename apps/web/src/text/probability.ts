import type { Candidate, Token } from "../api/types.ts";

/** Surprise at which a shade is full, in bits: one chance in a thousand. */
export const fullShadeBits = 10;

/** Surprise of a probability given by its natural logarithm, in bits. */
export function surpriseBits(logprob: number): number {
  return Math.max(0, -logprob / Math.LN2);
}

/** How strongly tokens are shaded: 0 for a certain one, 1 at {@link fullShadeBits}. Several make one character together. */
export function shadeOf(tokens: readonly { readonly logprob: number }[]): number {
  const bits = tokens.reduce((sum, { logprob }) => sum + surpriseBits(logprob), 0);
  return Math.min(1, bits / fullShadeBits);
}

/** A probability for people: `43 %`, `0.7 %`, `< 0.01 %`. */
export function formatProbability(logprob: number): string {
  const percent = 100 * Math.exp(Math.min(0, logprob));
  if (percent < 0.01) return "< 0.01 %";
  if (percent > 99.5) return percent > 99.95 ? "100 %" : `${percent.toFixed(1)} %`;
  return `${Number(percent < 10 ? percent.toPrecision(2) : percent.toFixed(0))} %`;
}

/** A row of the table of alternatives. */
export interface Alternative extends Candidate {
  readonly chosen: boolean;
}

/** A token's alternatives, likeliest first. The one that was drawn is among them, wherever it stands. */
export function alternativesOf(token: Token): { readonly rows: Alternative[]; readonly rest: number } {
  // Parts of characters look alike: the one that was drawn is told by its probability too.
  const isToken = ({ text, logprob }: Candidate) => text === token.text && Math.abs(logprob - token.logprob) < 1e-6;
  const drawn = token.top.find(isToken) ?? token.top.find(({ text }) => text === token.text) ?? token;
  const all = token.top.includes(drawn) ? token.top : [...token.top, drawn];
  const rows = all
    .map((candidate) => ({ ...candidate, chosen: candidate === drawn }))
    .sort((a, b) => b.logprob - a.logprob)
    .map(({ text, logprob, chosen }) => ({ text, logprob, chosen }));
  const rest = Math.max(0, 1 - rows.reduce((sum, { logprob }) => sum + Math.exp(logprob), 0));
  return { rows, rest };
}

/** A token's text with its blanks made visible. */
export function visibleText(text: string): string {
  if (text === "") return "∅";
  const shown = text.replace(/ /g, "␣").replace(/\n/g, "↵").replace(/\t/g, "⇥").replace(/\r/g, "␍");
  return shown.replace(/[\p{Cc}\u200B-\u200F\u2028-\u202E\u2066-\u2069\uFEFF]/gu, escapeCode);
}

const escapeCode = (character: string) =>
  `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;

/** How surprised the model was by its own text: 2 to the mean surprise in bits; undefined without tokens. */
export function perplexityOf(tokens: readonly Token[]): number | undefined {
  if (tokens.length === 0) return undefined;
  return Math.exp(-tokens.reduce((sum, { logprob }) => sum + logprob, 0) / tokens.length);
}
