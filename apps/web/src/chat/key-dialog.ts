import { button, element } from "../dom/element.ts";
import { apiKey } from "./storage.ts";

/** Asks for the server's API key. */
export interface KeyDialog {
  readonly root: HTMLDialogElement;
  /** Resolves to whether a key was entered; it is then kept for this tab. */
  ask(message: string): Promise<boolean>;
}

/** What a {@link KeyDialog} says. */
export interface KeyWords {
  readonly title: string;
  readonly refused: string;
  readonly label: string;
  readonly hint: string;
  readonly cancel: string;
  readonly use: string;
}

const english: KeyWords = {
  title: "This server asks for an API key",
  refused: "The server did not take the last one:",
  label: "API key",
  hint: "It is kept in this tab until you close it, and sent to this server only.",
  cancel: "Cancel",
  use: "Use this key",
};

/** Makes a {@link KeyDialog}, closed. `id` tells two on different pages apart. */
export function createKeyDialog(words: KeyWords = english, id = "api-key"): KeyDialog {
  const said = element("p", { class: "hint" });
  const input = element("input", {
    type: "password",
    id,
    autocomplete: "off",
    spellcheck: "false",
    required: true,
    "aria-describedby": `${id}-hint`,
  });
  const cancel = button(words.cancel, () => root.close(), { class: "button quiet" });
  const form = element(
    "form",
    {},
    element("h2", { id: `${id}-title` }, words.title),
    said,
    element("div", { class: "field" }, element("label", { for: id }, words.label), input),
    element("p", { class: "hint", id: `${id}-hint` }, words.hint),
    element("div", { class: "dialog-actions" }, cancel, element("button", { class: "button primary" }, words.use)),
  );
  const root = element("dialog", { class: "dialog", "aria-labelledby": `${id}-title` }, form);
  let asked: Promise<boolean> | undefined;

  return {
    root,
    ask(message) {
      // Two requests may meet the same locked door; one question is enough.
      asked ??= new Promise<boolean>((resolve) => {
        let entered = false;
        said.textContent = apiKey.get() === null ? "" : `${words.refused} ${message}`;
        input.value = "";
        form.onsubmit = (event) => {
          event.preventDefault();
          const key = input.value.trim();
          entered = key !== "";
          if (entered) apiKey.set(key);
          root.close();
        };
        root.onclose = () => {
          input.value = "";
          asked = undefined;
          resolve(entered);
        };
        root.showModal();
      });
      return asked;
    },
  };
}
