import type { RedFlag } from "@baltoro/clinic";
import { button, element, icon } from "../../dom/element.ts";
import { icons } from "../../dom/icons.ts";
import { rove } from "../../dom/rove.ts";
import { refs } from "../note/marks.ts";
import type { Strings } from "../strings/index.ts";
import { card, quote, spoken, type View } from "./view.ts";

/** Places of one sign that are quoted; the rest are marked in the note. */
const mostPlaces = 3;

/** The signs of danger, emergencies first; where there are none, that this proves nothing. */
export function redFlags(view: View): HTMLElement {
  const { assessment, words, links } = view;
  const urgency = { emergency: 0, urgent: 1 };
  const flags = assessment.redFlags
    .map((flag, index) => ({ flag, index }))
    .sort((a, b) => urgency[a.flag.severity] - urgency[b.flag.severity]);
  if (flags.length === 0) {
    const root = card("red-flags", words.redFlags.title, element("p", {}, icon(icons.check), words.redFlags.none));
    root.dataset["none"] = "";
    return root;
  }
  // One source for all is said once, over them; several stand in a list below, by their numbers.
  const sources = sourcesOf(flags.map(({ flag }) => flag));
  const source = (text: string) =>
    element("span", { class: "source" }, `${words.redFlags.source}: `, element("span", { lang: "en" }, text));
  const rows = flags.map(({ flag, index }) => {
    const ref = refs.flag(index);
    const quotes = flag.spans.slice(0, mostPlaces).map((span) => {
      const node = button("", () => {}, { class: "button place" });
      node.replaceChildren(quote(span.text, view));
      links.entry(node, [ref]);
      return node;
    });
    const row = element(
      "li",
      { "data-severity": flag.severity },
      icon(flag.severity === "emergency" ? icons.danger : icons.warn),
      element("span", { class: "severity" }, words.redFlags[flag.severity]),
      element(
        "span",
        { class: "flag-text" },
        element("b", {}, flag.message[words.language]),
        " ",
        ...quotes,
        ...(flag.spans.length > mostPlaces
          ? [element("span", { class: "more-places" }, `+${flag.spans.length - mostPlaces}`)]
          : []),
        ...(sources.length > 1 ? [sourceNumber(flag.source, sources, words)] : []),
      ),
    );
    return row;
  });
  const list = element("ul", {}, ...rows);
  rove(list, ".place");
  const root = card("red-flags", words.redFlags.title, list);
  const heading = element("div", { class: "red-flags-head" }, ...root.querySelectorAll("h2"));
  if (sources.length === 1) heading.append(source(sources[0]));
  else root.append(sourceList(sources, words));
  root.prepend(heading);
  return root;
}

/** The guidelines of flags, each once, in the flags' order. */
export function sourcesOf(flags: readonly RedFlag[]): string[] {
  return [...new Set(flags.map(({ source }) => source))];
}

export function sourceNumber(source: string, sources: readonly string[], words: Strings): HTMLElement {
  const number = `${sources.indexOf(source) + 1}`;
  return element("sup", {}, spoken(`${words.redFlags.source} `), number);
}

export function sourceList(sources: readonly string[], words: Strings): HTMLElement {
  return element(
    "ol",
    { class: "sources", "aria-label": words.redFlags.source, lang: "en" },
    ...sources.map((source) => element("li", {}, source)),
  );
}
