import { button, element, icon } from "../dom/element.ts";
import { icons } from "../dom/icons.ts";
import { languageTags } from "../language/language.ts";
import { type Example, examples } from "./examples.ts";
import type { Strings } from "./strings/index.ts";

/** What the page is for, before there is a result: intended use, what becomes of the note, notes to try. */
export function intro(words: Strings, onExample: (example: Example) => void): HTMLElement {
  const offers = examples.map((example) => {
    const node = button("", () => onExample(example), { class: "button example" });
    const first = example.text.split("\n").slice(1).join(" ");
    node.replaceChildren(
      element("span", { class: "badge" }, words.intro.synthetic),
      element("b", {}, example.title[words.language]),
      element("span", { class: "example-text", lang: languageTags[example.language] }, first),
    );
    return element("li", {}, node);
  });
  const point = (path: string, text: string) => element("li", {}, icon(path), element("p", {}, text));
  return element(
    "section",
    { class: "intro", "aria-labelledby": "assistant-intro" },
    element("h2", { id: "assistant-intro" }, words.intro.title),
    element("p", { class: "lead" }, words.intro.does),
    element(
      "ul",
      { class: "points" },
      point(icons.assistant, words.intro.professional),
      point(icons.lock, words.intro.privacy),
    ),
    element("h3", {}, words.intro.examples),
    element("ul", { class: "examples" }, ...offers),
  );
}
