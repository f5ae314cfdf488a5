import { button, element, icon } from "../../dom/element.ts";
import { icons } from "../../dom/icons.ts";
import { rove } from "../../dom/rove.ts";
import { refs } from "../note/marks.ts";
import { card, quote, type View } from "./view.ts";

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
  // One source for all is said once, over them.
  const sources = [...new Set(flags.map(({ flag }) => flag.source))];
  const source = (text: string) =>
    element("span", { class: "source" }, `${words.redFlags.source}: `, element("span", { lang: "en" }, text));
  const rows = flags.map(({ flag, index }) => {
    const ref = refs.flag(index);
    const quotes = flag.spans.map((span) => {
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
        ...(sources.length > 1 ? [source(flag.source)] : []),
      ),
    );
    return row;
  });
  const list = element("ul", {}, ...rows);
  rove(list, ".place");
  const root = card("red-flags", words.redFlags.title, list);
  const heading = element("div", { class: "red-flags-head" }, ...root.querySelectorAll("h2"));
  if (sources.length === 1) heading.append(source(sources[0]));
  root.prepend(heading);
  return root;
}
