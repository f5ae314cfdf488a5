import { button, element } from "../dom/element.ts";
import { apiKey } from "./storage.ts";

/** Asks for the server's API key. */
export interface KeyDialog {
  readonly root: HTMLDialogElement;
  /** Resolves to whether a key was entered; it is then kept for this tab. */
  ask(message: string): Promise<boolean>;
}

/** Makes a {@link KeyDialog}, closed. */
export function createKeyDialog(): KeyDialog {
  const said = element("p", { class: "hint" });
  const input = element("input", {
    type: "password",
    id: "api-key",
    autocomplete: "off",
    spellcheck: "false",
    required: true,
    "aria-describedby": "api-key-hint",
  });
  const hint = "It is kept in this tab until you close it, and sent to this server only.";
  const cancel = button("Cancel", () => root.close(), { class: "button quiet" });
  const form = element(
    "form",
    {},
    element("h2", { id: "api-key-title" }, "This server asks for an API key"),
    said,
    element("div", { class: "field" }, element("label", { for: "api-key" }, "API key"), input),
    element("p", { class: "hint", id: "api-key-hint" }, hint),
    element("div", { class: "dialog-actions" }, cancel, element("button", { class: "button primary" }, "Use this key")),
  );
  const root = element("dialog", { class: "dialog", "aria-labelledby": "api-key-title" }, form);
  let asked: Promise<boolean> | undefined;

  return {
    root,
    ask(message) {
      // Two requests may meet the same locked door; one question is enough.
      asked ??= new Promise<boolean>((resolve) => {
        let entered = false;
        said.textContent = apiKey.get() === null ? "" : `The server did not take the last one: ${message}`;
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
