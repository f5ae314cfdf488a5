import { localStore } from "../chat/storage.ts";
import { button, element } from "../dom/element.ts";
import { icons } from "../dom/icons.ts";
import type { KeyAct, Strings } from "./strings/index.ts";

/** The acts that a single letter stands for. */
export const letters = {
  e: "edit",
  r: "redFlags",
  d: "differential",
  v: "values",
  m: "missing",
  t: "note",
  "?": "help",
} as const;

const shown: readonly (readonly [KeyAct, readonly string[]])[] = [
  ["assess", ["Ctrl", "Enter"]],
  ["cancel", ["Esc"]],
  ...Object.entries(letters).map(([letter, act]) => [act, [letter === "?" ? "?" : letter.toUpperCase()]] as const),
  ["within", ["↑", "↓", "Home", "End"]],
  ["jump", ["Enter"]],
];

const stored = "singleKeys";

/** The keys of the page, and whether single letters work: they can be turned off (WCAG 2.1.4). */
export interface Keys {
  readonly root: HTMLDialogElement;
  show(): void;
}

/** Listens for the page's keys as long as `isShown`. Each act returns nothing; letters are left alone in text fields. */
export function listenForKeys(isShown: () => boolean, act: (act: KeyAct) => void): void {
  document.addEventListener("keydown", (event) => {
    if (!isShown() || event.defaultPrevented || event.isComposing || document.querySelector("dialog[open]")) return;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      return act("assess");
    }
    if (event.key === "Escape") return act("cancel");
    if (event.ctrlKey || event.metaKey || event.altKey || localStore().read(stored) === false) return;
    const { target } = event;
    if (target instanceof Element && target.closest("input:not([type=radio]), textarea, select")) return;
    const letter = letters[event.key.toLowerCase() as keyof typeof letters];
    if (letter === undefined) return;
    event.preventDefault();
    act(letter);
  });
}

/** Makes the list of keys, closed. */
export function createKeys(words: Strings): Keys {
  const store = localStore();
  const rows = shown.flatMap(([act, keys]) => [
    element(
      "dt",
      {},
      ...keys.flatMap((key, i) => (i === 0 ? [element("kbd", {}, key)] : [" ", element("kbd", {}, key)])),
    ),
    element("dd", {}, words.keys.acts[act]),
  ]);
  const single = element("input", { type: "checkbox", role: "switch" });
  single.checked = store.read(stored) !== false;
  single.addEventListener("change", () => store.write(stored, single.checked));
  const root = element(
    "dialog",
    { class: "dialog keys", "aria-labelledby": "assistant-keys" },
    element(
      "div",
      { class: "keys-head" },
      element("h2", { id: "assistant-keys" }, words.keys.title),
      button(words.keys.close, () => root.close(), { icon: icons.close, iconOnly: true, class: "button quiet" }),
    ),
    element("dl", {}, ...rows),
    element("label", { class: "switch" }, single, element("span", {}, words.keys.single)),
  );
  return { root, show: () => root.showModal() };
}
