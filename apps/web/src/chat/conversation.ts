import type { Piece } from "../text/pieces.ts";
import { readPieces } from "./draft.ts";
import { recordsOf } from "./storage.ts";

/** What one of the two said. */
export interface Turn {
  readonly role: "user" | "assistant";
  readonly pieces: readonly Piece[];
}

/** A conversation as it was stored; what does not read as a turn is left out. */
export function readConversation(value: unknown): readonly Turn[] {
  return recordsOf(value).flatMap((entry): Turn[] => {
    const { role } = entry;
    const pieces = readPieces(entry["pieces"]);
    return (role === "user" || role === "assistant") && pieces.length > 0 ? [{ role, pieces }] : [];
  });
}
