import type { Token } from "../api/types.ts";
import { element } from "../dom/element.ts";
import { type Alternative, alternativesOf, formatProbability, surpriseBits, visibleText } from "../text/probability.ts";

/** The card that shows which tokens could have stood in the place of one. */
export interface Alternatives {
  readonly root: HTMLElement;
  /** Shows it beside `anchor`. `onPick` takes an alternative's text; without it the rows are no buttons. */
  show(anchor: HTMLElement, tokens: readonly Token[], onPick?: (text: string) => void): void;
  hide(): void;
  isOpen(): boolean;
  /** Moves the focus to the first alternative that can be picked. */
  focus(): void;
}

/** Makes an {@link Alternatives}, hidden. */
export function createAlternatives(): Alternatives {
  // Focusable itself, so that a click on it does not take the focus out of the text and close it.
  const root = element("div", { class: "alternatives", role: "group", tabindex: -1, hidden: true });
  let anchor: HTMLElement | undefined;

  function place(): void {
    if (anchor === undefined) return;
    const { left, top, bottom } = anchor.getClientRects()[0] ?? anchor.getBoundingClientRect();
    const { width, height } = root.getBoundingClientRect();
    const gap = 6;
    const below = bottom + gap + height <= innerHeight || top < height + gap;
    root.style.setProperty("--x", `${Math.max(gap, Math.min(left, innerWidth - width - gap))}px`);
    root.style.setProperty("--y", `${below ? bottom + gap : top - gap - height}px`);
  }

  const follow = () => requestAnimationFrame(place);
  return {
    root,
    show(token, tokens, onPick) {
      anchor = token;
      root.setAttribute("aria-label", `Alternatives to ${visibleText(tokens.map(({ text }) => text).join(""))}`);
      root.replaceChildren(...tokens.flatMap((each) => table(each, tokens.length === 1 ? onPick : undefined)));
      if (root.hidden) {
        root.hidden = false;
        addEventListener("scroll", follow, { capture: true, passive: true });
        addEventListener("resize", follow);
      }
      token.scrollIntoView({ block: "nearest" });
      place();
    },
    hide() {
      root.hidden = true;
      anchor = undefined;
      removeEventListener("scroll", follow, { capture: true });
      removeEventListener("resize", follow);
    },
    isOpen: () => !root.hidden,
    focus: () => (root.querySelector<HTMLElement>("button") ?? root).focus(),
  };
}

function table(token: Token, onPick?: (text: string) => void): HTMLElement[] {
  const { rows, rest } = alternativesOf(token);
  const heading = element(
    "p",
    { class: "alternatives-head" },
    element("code", {}, visibleText(token.text)),
    element("b", {}, formatProbability(token.logprob)),
    element("span", {}, `${surpriseBits(token.logprob).toFixed(1)} bits of surprise`),
  );
  const list = element("ol", {}, ...rows.map((row) => element("li", {}, rowOf(row, onPick))));
  if (rest > 5e-5) list.append(element("li", {}, otherRow(rest)));
  const hint = onPick ? [element("p", { class: "alternatives-hint" }, "Pick one to continue from there.")] : [];
  return [heading, list, ...hint];
}

function rowOf(row: Alternative, onPick?: (text: string) => void): HTMLElement {
  const parts = [
    element("code", {}, visibleText(row.text)),
    ...(row.chosen ? [element("span", { class: "alternatives-mark" }, "written")] : []),
    element("span", { class: "alternatives-value" }, formatProbability(row.logprob)),
  ];
  // A part of a character cannot be written as text, so it cannot be picked.
  const pickable = onPick && !row.chosen && !row.text.includes("\uFFFD") && row.text !== "";
  const node = pickable
    ? element("button", { type: "button", class: "alternatives-row" }, ...parts)
    : element("div", { class: "alternatives-row" }, ...parts);
  if (row.chosen) node.dataset["chosen"] = "";
  if (pickable) node.addEventListener("click", () => onPick(row.text));
  node.style.setProperty("--share", Math.exp(Math.min(0, row.logprob)).toFixed(4));
  return node;
}

function otherRow(rest: number): HTMLElement {
  const value = element("span", { class: "alternatives-value" }, formatProbability(Math.log(rest)));
  const node = element("div", { class: "alternatives-row" }, element("i", {}, "all others"), value);
  node.style.setProperty("--share", rest.toFixed(4));
  return node;
}
