import { element } from "../dom/element.ts";
import type { Piece } from "../text/pieces.ts";
import { formatProbability, shadeOf, visibleText } from "../text/probability.ts";
import { createAlternatives } from "./alternatives.ts";

/** Text that shows who wrote what or, with probabilities, how likely each of the model's tokens was. */
export interface TokenText {
  readonly root: HTMLElement;
  /** With probabilities, each token with one can be focused and shows its alternatives. */
  show(pieces: readonly Piece[], probabilities: boolean): void;
  /** Closes the alternatives that are open. */
  close(): void;
}

/**
 * Makes a {@link TokenText}.
 *
 * @param onBranch - takes an alternative in the place of the token of a piece; without it, alternatives are only shown.
 */
export function createTokenText(onBranch?: (pieceIndex: number, text: string) => void): TokenText {
  const flow = element("div", { class: "token-flow" });
  const alternatives = createAlternatives();
  const root = element("div", { class: "token-text" }, flow, alternatives.root);
  let shown: readonly Piece[] = [];
  let withProbabilities = false;
  let current: HTMLElement | undefined;

  const tokens = () => [...flow.querySelectorAll<HTMLElement>("[role=button]")];
  const tokenAt = (target: EventTarget | null) =>
    target instanceof Element ? (target.closest<HTMLElement>(".token-flow [role=button]") ?? undefined) : undefined;

  function open(token: HTMLElement): void {
    if (current !== token) current?.setAttribute("aria-expanded", "false");
    current?.setAttribute("tabindex", "-1");
    token.tabIndex = 0;
    current = token;
    token.setAttribute("aria-expanded", "true");
    const index = [...flow.childNodes].indexOf(token);
    const piece = shown[index];
    if (piece?.tokens === undefined) return;
    alternatives.show(token, piece.tokens, onBranch ? (text) => onBranch(index, text) : undefined);
  }

  function close(): void {
    current?.setAttribute("aria-expanded", "false");
    alternatives.hide();
  }

  flow.addEventListener("focusin", ({ target }) => {
    const token = tokenAt(target);
    if (token) open(token);
  });
  flow.addEventListener("click", ({ target }) => {
    const token = tokenAt(target);
    if (token) open(token);
  });
  root.addEventListener("focusout", ({ relatedTarget }) => {
    if (!(relatedTarget instanceof Node && root.contains(relatedTarget))) close();
  });
  root.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && alternatives.isOpen()) {
      event.stopPropagation();
      if (alternatives.root.contains(document.activeElement)) {
        current?.focus();
        close();
      } else close();
      return;
    }
    const token = tokenAt(event.target);
    if (!token) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      if (!alternatives.isOpen()) open(token);
      else alternatives.focus();
      return;
    }
    const list = tokens();
    const at = list.indexOf(token);
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: list.length - 1 }[event.key];
    if (event.key === "ArrowDown" && alternatives.isOpen()) {
      event.preventDefault();
      alternatives.focus();
    } else if (to !== undefined && list[to]) {
      event.preventDefault();
      list[to].focus();
    }
  });

  return {
    root,
    show(pieces, probabilities) {
      // Streams only add: the pieces that are the same objects as before keep their elements, and the focus with them.
      let same = 0;
      if (probabilities === withProbabilities) while (same < shown.length && shown[same] === pieces[same]) same++;
      if (current && [...flow.childNodes].indexOf(current) >= same) close();
      while (flow.childNodes.length > same) flow.lastChild?.remove();
      flow.append(...pieces.slice(same).map((piece) => (probabilities ? tokenElement(piece) : plainElement(piece))));
      shown = pieces;
      withProbabilities = probabilities;
      if (!probabilities) return;
      if (current === undefined || !flow.contains(current)) {
        current = tokens()[0];
        if (current) current.tabIndex = 0;
      }
    },
    close,
  };
}

function plainElement({ text, by }: Piece): HTMLElement {
  return element("span", { class: by === "model" ? "by-model" : "by-user" }, text);
}

function tokenElement(piece: Piece): HTMLElement {
  if (piece.tokens === undefined) return plainElement(piece);
  const logprob = piece.tokens.reduce((sum, token) => sum + token.logprob, 0);
  const node = element(
    "span",
    {
      class: "token",
      role: "button",
      tabindex: -1,
      "aria-haspopup": "true",
      "aria-expanded": "false",
      "aria-label": `${visibleText(piece.text)}, ${formatProbability(logprob)}`,
      "data-break": /^[\n\r]+$/.test(piece.text),
    },
    piece.text,
  );
  node.style.setProperty("--shade", shadeOf(piece.tokens).toFixed(3));
  return node;
}
