import type { Candidate, Evidence } from "@baltoro/clinic";
import { button, element } from "../../dom/element.ts";
import { rove } from "../../dom/rove.ts";
import { refs } from "../note/marks.ts";
import { shareBar } from "./bars.ts";
import { fold } from "./fold.ts";
import { quote, spoken, type View } from "./view.ts";

type Side = "for" | "against";

const mostShown = 5;

/** What in the note speaks for a disease and what against it, side by side. */
export function evidencePanel(candidate: Candidate, view: View): HTMLElement[] {
  const { words } = view;
  view.links.forgetEntries("evidence:");
  const name = words.differential.diseases[candidate.disease].name;
  const sides = element("div", { class: "sides" }, side("for", candidate, view), side("against", candidate, view));
  rove(sides, "button");
  return [element("h3", {}, words.evidence.title(name)), sides, element("p", { class: "hint" }, words.evidence.hint)];
}

function side(name: Side, candidate: Candidate, view: View): HTMLElement {
  const { words, assessment } = view;
  const found = candidate[name];
  // One scale for all diseases: a short bar is weak evidence wherever it stands.
  const weights = assessment.differential.flatMap((each) =>
    [...each.for, ...each.against].map(({ weight }) => Math.abs(weight)),
  );
  const most = Math.max(1e-9, ...weights);
  const heading = element("h4", {}, words.evidence[name]);
  if (found.length === 0)
    return element("div", { class: name }, heading, element("p", { class: "hint" }, words.evidence.none));
  const rows = found.map((each, index) => {
    const row = entry(each, view, shareBar(Math.abs(each.weight) / most, name));
    const item = each.item === undefined ? [] : [refs.item(each.item)];
    view.links.entry(row, [refs.evidence(candidate.disease, name, index), ...item]);
    return element("li", {}, row);
  });
  return element(
    "div",
    { class: name },
    heading,
    element("ol", {}, ...rows),
    ...fold(rows, mostShown, words.state.more),
  );
}

function entry(evidence: Evidence, view: View, bar: SVGSVGElement): HTMLButtonElement {
  const weight = weightText(evidence.weight);
  const node = button("", () => {}, { class: "button evidence-entry" });
  node.replaceChildren(
    quote(evidence.text, view),
    element(
      "span",
      { class: "weight" },
      spoken(view.words.evidence.weight(weight)),
      element("span", { "aria-hidden": "true" }, weight),
    ),
    bar,
  );
  return node;
}

/** With its sign, U+2212 for minus. */
export function weightText(weight: number): string {
  const size = Math.abs(weight).toFixed(Math.abs(weight) < 0.095 ? 2 : 1);
  return `${weight < 0 ? "−" : "+"}${size}`;
}
