import type { Candidate, Token } from "../api/types.ts";
import type { Piece } from "../text/pieces.ts";
import { recordsOf, type Store } from "./storage.ts";

/** Pieces as they were stored, whatever became of them since: what does not read as a piece is left out. */
export function readPieces(value: unknown): Piece[] {
  return recordsOf(value).flatMap((entry): Piece[] => {
    const { text, by, tokens } = entry;
    if (typeof text !== "string" || text === "" || (by !== "user" && by !== "model")) return [];
    const read = recordsOf(tokens).flatMap(readToken);
    return [read.length > 0 ? { text, by, tokens: read } : { text, by }];
  });
}

function readToken(entry: Readonly<Record<string, unknown>>): Token[] {
  return readCandidate(entry).map((candidate) => ({
    ...candidate,
    top: recordsOf(entry["top"]).flatMap(readCandidate),
  }));
}

function readCandidate({ text, logprob }: Readonly<Record<string, unknown>>): Candidate[] {
  return typeof text === "string" && typeof logprob === "number" ? [{ text, logprob }] : [];
}

/** Keeps pieces; without their probabilities where there is no room for them. */
export function writePieces(store: Store, name: string, pieces: readonly Piece[]): void {
  if (store.write(name, pieces)) return;
  store.write(
    name,
    pieces.map(({ text, by }) => ({ text, by })),
  );
}
