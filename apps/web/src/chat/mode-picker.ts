import type { Cell } from "../dom/cell.ts";
import { element } from "../dom/element.ts";

/** The page's two ways of writing. */
export type Mode = "complete" | "chat";

const modes: readonly { readonly mode: Mode; readonly label: string }[] = [
  { mode: "complete", label: "Complete" },
  { mode: "chat", label: "Chat" },
];

/** Makes the choice between the modes: radio buttons, dressed as one bar. */
export function createModePicker(chosen: Cell<Mode>): HTMLElement {
  const options = modes.map(({ mode, label }) => {
    const input = element("input", { type: "radio", name: "mode", value: mode });
    input.checked = chosen.get() === mode;
    input.addEventListener("change", () => chosen.set(mode));
    return element("label", {}, input, element("span", {}, label));
  });
  const legend = element("legend", { class: "visually-hidden" }, "Mode");
  return element("fieldset", { class: "segments" }, legend, ...options);
}
