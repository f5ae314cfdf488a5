import { element } from "../../dom/element.ts";
import { rove } from "../../dom/rove.ts";
import type { Links } from "../links.ts";
import { partsOf } from "./hidden.ts";
import { type Mark, segmentsOf } from "./segments.ts";

/** The note as it was assessed, with what was found in it. */
export interface MarkedNote {
  readonly root: HTMLElement;
  show(text: string, marks: readonly Mark[], language: string): void;
  /** Puts the focus on the first mark. */
  focus(): void;
}

/** Makes a {@link MarkedNote}. What a note holds becomes text nodes and nothing else. */
export function createMarkedNote(links: Links, label: string): MarkedNote {
  const root = element("div", { class: "marked-note", role: "group", "aria-label": label, dir: "auto" });
  rove(root, "[data-stop]");
  return {
    root,
    show(text, marks, language) {
      links.forgetPieces();
      root.lang = language;
      const pieces = segmentsOf(text, marks).flatMap(({ text: piece, marks: over, begins }) => {
        const content = partsOf(piece).map(({ text: part, code }) =>
          code === undefined ? part : element("span", { class: "hidden-character", "data-code": code }, part),
        );
        if (over.length === 0) return content;
        const layers = [...new Set(over.map(({ layer }) => layer))];
        const attributes = begins
          ? { tabindex: -1, role: "button", "data-stop": true, "aria-label": `${piece} (${labelOf(over)})` }
          : {};
        const node = element("mark", { "data-layers": layers.join(" "), ...attributes }, ...content);
        links.piece(node, [...new Set(over.map(({ ref }) => ref))]);
        return [node];
      });
      root.replaceChildren(...pieces);
      const first = root.querySelector<HTMLElement>("[data-stop]");
      if (first) first.tabIndex = 0;
    },
    focus: () => root.querySelector<HTMLElement>("[data-stop][tabindex='0']")?.focus(),
  };
}

function labelOf(marks: readonly Mark[]): string {
  return [...new Set(marks.map(({ label }) => label))].join("; ");
}
