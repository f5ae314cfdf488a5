import { createHistory } from "../text/history.ts";
import { editPieces, type Piece, textOf } from "../text/pieces.ts";
import { readPieces, writePieces } from "./draft.ts";
import { createSaver, type Store } from "./storage.ts";

/** The text of the Complete mode: who wrote what, what can be undone, and its draft in the browser. */
export interface TextDocument {
  readonly pieces: readonly Piece[];
  readonly canUndo: boolean;
  readonly canRedo: boolean;
  edit(value: string, caret: number): void;
  clear(): void;
  /** @returns whether there was something to undo */
  undo(): boolean;
  redo(): boolean;
  /** What the model's last continuation began from, as long as the text is still what it left. */
  continued(): readonly Piece[] | undefined;
  /** Begins a continuation of `from` that Undo takes back to `before`. */
  begin(from: readonly Piece[], before: readonly Piece[]): Continuation;
}

/** A continuation under way. */
export interface Continuation {
  /** Puts the continuation so far after what it began from. */
  show(pieces: readonly Piece[]): void;
  /** One that wrote nothing leaves the text as it was before. */
  end(): void;
}

/** Typing that pauses for longer is undone in two steps. */
const pauseMilliseconds = 1200;

/** Makes the document, with the draft that the last visit left. */
export function createTextDocument(store: Store): TextDocument {
  const history = createHistory<readonly Piece[]>();
  let pieces: readonly Piece[] = readPieces(store.read("document"));
  let continuation: { readonly from: readonly Piece[]; readonly after: readonly Piece[] } | undefined;
  let lastEdit = Number.NEGATIVE_INFINITY;
  const save = createSaver(() => writePieces(store, "document", pieces));
  const set = (next: readonly Piece[]) => {
    pieces = next;
    save();
  };
  const move = (to: readonly Piece[] | undefined): boolean => {
    if (to === undefined) return false;
    lastEdit = Number.NEGATIVE_INFINITY;
    set(to);
    return true;
  };

  return {
    get pieces() {
      return pieces;
    },
    get canUndo() {
      return history.canUndo;
    },
    get canRedo() {
      return history.canRedo;
    },
    edit(value, caret) {
      const now = performance.now();
      if (now - lastEdit > pauseMilliseconds || history.canRedo) history.record(pieces);
      lastEdit = now;
      set(editPieces(pieces, value, caret));
    },
    clear() {
      history.record(pieces);
      lastEdit = Number.NEGATIVE_INFINITY;
      set([]);
    },
    undo: () => move(history.undo(pieces)),
    redo: () => move(history.redo(pieces)),
    continued: () => (continuation && textOf(continuation.after) === textOf(pieces) ? continuation.from : undefined),
    begin(from, before) {
      lastEdit = Number.NEGATIVE_INFINITY;
      let recorded = false;
      return {
        show(written) {
          if (written.length === 0 && !recorded) return;
          if (!recorded) history.record(before);
          recorded = true;
          set([...from, ...written.map(withoutCarriageReturns)]);
        },
        end() {
          if (recorded) continuation = { from, after: pieces };
        },
      };
    },
  };
}

/** A text field knows LF alone. */
function withoutCarriageReturns(piece: Piece): Piece {
  return piece.text.includes("\r") ? { ...piece, text: piece.text.replaceAll("\r", "") } : piece;
}
