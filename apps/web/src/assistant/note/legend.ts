import type { Assessment, Disease } from "@baltoro/clinic";
import { element } from "../../dom/element.ts";
import type { Strings } from "../strings/index.ts";
import { partsOf } from "./hidden.ts";

/** What the marks in the note mean. */
export interface Legend {
  readonly root: HTMLElement;
  show(assessment: Assessment, disease: Disease | undefined, text: string): void;
}

/** Makes a {@link Legend}. */
export function createLegend(words: Strings): Legend {
  const root = element("ul", { class: "note-legend", "aria-label": words.legend.title });
  const row = (layer: string, text: string) =>
    element("li", {}, element("span", { class: "swatch", "data-layers": layer }, text));
  return {
    root,
    show(assessment, disease, text) {
      const candidate = assessment.differential.find((each) => each.disease === disease);
      const name = candidate ? words.differential.diseases[candidate.disease].short : "";
      root.replaceChildren(
        ...(assessment.redFlags.some(({ spans }) => spans.length > 0) ? [row("flag", words.legend.flag)] : []),
        ...(assessment.items.length > 0 ? [row("value", words.legend.value)] : []),
        ...(candidate && candidate.for.length > 0 ? [row("for", words.legend.for(name))] : []),
        ...(candidate && candidate.against.length > 0 ? [row("against", words.legend.against(name))] : []),
        ...(partsOf(text).some(({ code }) => code !== undefined)
          ? [element("li", { class: "hint" }, words.legend.hidden)]
          : []),
      );
      root.hidden = root.childElementCount === 0;
    },
  };
}
