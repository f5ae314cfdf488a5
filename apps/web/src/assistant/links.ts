/**
 * Ties a finding's entries to its stretches of the note: pointing at or focusing one marks the other. A *ref* names a finding
 * ("item:3"); an entry may stand for several.
 */
export interface Links {
  /** A button of a finding: pointing at it or focusing it shows its place in the note, Enter goes there. */
  entry(node: HTMLElement, refs: readonly string[]): void;
  /** What stands around such buttons and is pointed at with the mouse. */
  around(node: HTMLElement, refs: readonly string[]): void;
  /** A piece of the note. */
  piece(node: HTMLElement, refs: readonly string[]): void;
  /** Forgets the pieces of the note: it is drawn anew. */
  forgetPieces(): void;
  /** Forgets the entries of findings whose names begin so: they are drawn anew. */
  forgetEntries(prefix: string): void;
  clear(): void;
  /** From a finding to its place in the note, or back to where this was called last. */
  jump(): boolean;
}

type Nodes = Map<string, HTMLElement[]>;

/** Makes {@link Links}. `scroller` is what the note scrolls in. */
export function createLinks(scroller: () => HTMLElement | undefined): Links {
  const entries: Nodes = new Map();
  const pieces: Nodes = new Map();
  const refsOf = new WeakMap<HTMLElement, readonly string[]>();
  let marked: HTMLElement[] = [];
  let origin: HTMLElement | undefined;

  const add = (nodes: Nodes, node: HTMLElement, refs: readonly string[]) => {
    refsOf.set(node, refs);
    for (const ref of refs) nodes.set(ref, [...(nodes.get(ref) ?? []), node]);
  };
  const of = (nodes: Nodes, refs: readonly string[]) => refs.flatMap((ref) => nodes.get(ref) ?? []);

  function clear(): void {
    for (const node of marked) node.removeAttribute("data-active");
    marked = [];
  }

  function point(refs: readonly string[], scroll: "note" | "entry" | "none"): void {
    clear();
    marked = [...of(entries, refs), ...of(pieces, refs)];
    for (const node of marked) node.setAttribute("data-active", "");
    if (scroll === "note") reveal(of(pieces, refs)[0], scroller());
    const entry = of(entries, refs).find((node) => node.checkVisibility());
    if (scroll === "entry") entry?.scrollIntoView({ block: "nearest", behavior: behaviour() });
  }

  function listen(node: HTMLElement, refs: readonly string[], scroll: "note" | "entry"): void {
    node.addEventListener("pointerenter", (event) => {
      if (event.pointerType !== "touch") point(refs, scroll === "note" ? "note" : "none");
    });
    node.addEventListener("pointerleave", () => {
      const focused = document.activeElement instanceof HTMLElement ? refsOf.get(document.activeElement) : undefined;
      if (focused) point(focused, "none");
      else clear();
    });
    node.addEventListener("focus", () => point(refs, scroll));
    node.addEventListener("blur", clear);
  }

  function goTo(node: HTMLElement | undefined, from: HTMLElement): boolean {
    if (node === undefined) return false;
    origin = from;
    node.focus({ preventScroll: true });
    return true;
  }

  const links: Links = {
    entry(node, refs) {
      add(entries, node, refs);
      listen(node, refs, "note");
      node.addEventListener("click", () => point(refs, "note"));
      node.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        goTo(
          of(pieces, refs).find((piece) => piece.hasAttribute("tabindex")),
          node,
        );
      });
    },
    around(node, refs) {
      add(entries, node, refs);
      listen(node, refs, "note");
    },
    piece(node, refs) {
      add(pieces, node, refs);
      listen(node, refs, "entry");
      node.addEventListener("click", () => {
        node.focus({ preventScroll: true });
        point(refs, "entry");
      });
      node.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        links.jump();
      });
    },
    forgetPieces() {
      clear();
      pieces.clear();
    },
    forgetEntries(prefix) {
      clear();
      for (const ref of [...entries.keys()]) if (ref.startsWith(prefix)) entries.delete(ref);
    },
    clear,
    jump() {
      const at = document.activeElement;
      if (!(at instanceof HTMLElement)) return false;
      const refs = refsOf.get(at);
      if (refs === undefined) return false;
      const back = origin?.isConnected && refsOf.get(origin)?.some((ref) => refs.includes(ref)) ? origin : undefined;
      const entry = back ?? of(entries, refs).find((node) => node.matches("button") && node.checkVisibility());
      return goTo(entry, at);
    },
  };
  return links;
}

/** Moves only what the note scrolls in: the page under a pointer stays where it is. */
function reveal(node: HTMLElement | undefined, scroller: HTMLElement | undefined): void {
  if (node === undefined || scroller === undefined) return;
  const piece = node.getBoundingClientRect();
  const frame = scroller.getBoundingClientRect();
  const margin = Math.min(40, frame.height / 4);
  if (piece.top >= frame.top + margin && piece.bottom <= frame.bottom - margin) return;
  const top = scroller.scrollTop + piece.top - frame.top - (frame.height - Math.min(piece.height, frame.height)) / 2;
  scroller.scrollTo({ top, behavior: behaviour() });
}

function behaviour(): ScrollBehavior {
  return matchMedia("(prefers-reduced-motion: reduce)").matches ? "instant" : "smooth";
}
