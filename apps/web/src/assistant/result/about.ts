import { element, icon } from "../../dom/element.ts";
import { icons } from "../../dom/icons.ts";
import type { Strings } from "../strings/index.ts";
import { card, type View } from "./view.ts";

/** What must be said with every result, in the order in which it is given. */
export function notices({ assessment, words }: View): HTMLElement {
  const rows = assessment.notices.map((notice) => element("li", {}, notice[words.language]));
  return element("div", { class: "notices", role: "note" }, icon(icons.info), element("ul", {}, ...rows));
}

/** Which model gave the result, of which note. */
export function about({ assessment, words }: View): HTMLElement {
  const { model, note } = assessment;
  const entries: readonly (readonly [string, Node])[] = [
    [words.about.model, element("span", { lang: "en" }, model.name)],
    [words.about.version, element("span", {}, model.version)],
    [words.about.trainedOn, element("span", {}, words.about.training[model.training])],
    [words.about.hash, element("code", {}, model.hash)],
    [words.about.noteHash, element("code", {}, note.sha256)],
  ];
  const list = entries.flatMap(([term, node]) => [element("dt", {}, term), element("dd", {}, node)]);
  return card("about", words.about.title, element("dl", {}, ...list));
}

/** An age in months as people say it. */
export function ageText(months: number | undefined, words: Strings): string {
  if (months === undefined) return words.about.ageUnknown;
  const whole = Math.floor(months + 1e-9);
  return words.about.years(Math.floor(whole / 12), whole >= 72 ? 0 : whole % 12);
}
