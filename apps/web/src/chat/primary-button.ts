import { element, icon } from "../dom/element.ts";
import { icons } from "../dom/icons.ts";
import type { Runner } from "./session.ts";

/** The button that starts a generation and, while one runs, stops it. It stays the same element, so the focus stays too. */
export function createPrimaryButton(runner: Runner, label: string, keys: string, start: () => void): HTMLButtonElement {
  const node = element("button", { type: "button", class: "button primary" });
  node.addEventListener("click", (event) => {
    // The second click of a double click would stop what the first began.
    if (event.detail > 1) return;
    if (runner.busy.get()) runner.stop();
    else start();
  });
  runner.busy.watch((busy) => {
    node.replaceChildren(icon(busy ? icons.stop : icons.play), element("span", {}, busy ? "Stop" : label));
    node.title = busy ? "Stop (Esc)" : `${label} (${keys})`;
    node.toggleAttribute("data-stop", busy);
  });
  return node;
}
