import type { Assessment, Disease } from "@baltoro/clinic";
import type { Cell } from "../../dom/cell.ts";
import { element } from "../../dom/element.ts";
import { languageTags } from "../../language/language.ts";
import type { Links } from "../links.ts";
import { partsOf } from "../note/hidden.ts";
import type { Strings } from "../strings/index.ts";

/** What every part of the result is drawn from. */
export interface View {
  readonly assessment: Assessment;
  readonly words: Strings;
  readonly links: Links;
  /** The disease whose evidence is looked at; undefined where nothing is ranked. */
  readonly disease: Cell<Disease | undefined>;
  /** Puts the focus where an age is entered. */
  enterAge(): void;
}

/** What a part that nothing is done with is drawn from. */
export type Reading = Pick<View, "assessment" | "words">;

/** A part of the result under a heading that the focus can be put on. */
export function card(name: string, title: string, ...content: readonly (Node | string)[]): HTMLElement {
  const id = `assistant-${name}`;
  const heading = element("h2", { id, tabindex: -1 }, title);
  return element("section", { class: `card ${name}`, "aria-labelledby": id }, heading, ...content);
}

/** Words out of the note, in the note's language; a character that could not be seen, or would turn others round, by its code. */
export function quote(text: string, { assessment }: Pick<View, "assessment">): HTMLElement {
  const parts = partsOf(text.replace(/\s+/g, " ").trim()).map(({ text: part, code }) =>
    code === undefined ? part : `[${code}]`,
  );
  return element("q", { lang: languageTags[assessment.note.language], dir: "auto" }, parts.join(""));
}

/** An icon's worth of text that only screen readers get. */
export function spoken(text: string): HTMLElement {
  return element("span", { class: "visually-hidden" }, text);
}
