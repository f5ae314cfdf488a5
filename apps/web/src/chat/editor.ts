import { element } from "../dom/element.ts";
import { joinPieces, type Piece, textOf } from "../text/pieces.ts";

/** A text field that colours what the model wrote. */
export interface Editor {
  readonly root: HTMLElement;
  readonly input: HTMLTextAreaElement;
  show(pieces: readonly Piece[], readOnly: boolean): void;
  focus(): void;
}

/** What an {@link Editor} tells. */
export interface EditorEvents {
  /** The text was changed; `caret` is where the caret stands now. */
  onEdit(value: string, caret: number): void;
  onUndo(): void;
  onRedo(): void;
  onContinue(): void;
}

/**
 * Makes an {@link Editor}: a plain text field, so that every keyboard, screen reader and spelling checker knows it, whose letters
 * are transparent over a copy that carries the colours.
 */
export function createEditor(events: EditorEvents): Editor {
  const input = element("textarea", {
    class: "editor-input",
    "aria-label": "Text to continue",
    placeholder: "Begin a text, and let the model go on…",
    spellcheck: "false",
    autocapitalize: "sentences",
  });
  const mirror = element("div", { class: "editor-mirror", "aria-hidden": "true" });
  const root = element("div", { class: "editor" }, mirror, input);

  input.addEventListener("input", () => events.onEdit(input.value, input.selectionStart));
  input.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.isComposing) return;
    const key = event.key.toLowerCase();
    // The browser's own undo knows nothing of what the model wrote.
    const act =
      key === "enter"
        ? events.onContinue
        : key === "y" || (key === "z" && event.shiftKey)
          ? events.onRedo
          : key === "z"
            ? events.onUndo
            : undefined;
    if (act === undefined) return;
    event.preventDefault();
    act();
  });

  return {
    root,
    input,
    show(pieces, readOnly) {
      const value = textOf(pieces);
      if (input.value !== value) {
        const atEnd = input.selectionStart === input.value.length;
        const caret = input.selectionStart;
        input.value = value;
        const to = atEnd ? value.length : Math.min(caret, value.length);
        input.setSelectionRange(to, to);
      }
      input.readOnly = readOnly;
      const runs = joinPieces(pieces.map(({ text, by }) => ({ text, by })));
      mirror.replaceChildren(
        ...runs.map(({ text, by }) => element("span", { class: by === "model" ? "by-model" : "by-user" }, text)),
        // Without it a last empty line would have no height.
        element("span", { class: "cursor" }, "\u200B"),
      );
    },
    focus() {
      input.focus({ preventScroll: true });
      input.setSelectionRange(input.value.length, input.value.length);
    },
  };
}
