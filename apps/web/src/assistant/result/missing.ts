import { element } from "../../dom/element.ts";
import { shareBar } from "./bars.ts";
import { fold } from "./fold.ts";
import { card, type View } from "./view.ts";

const mostShown = 6;

/** The tests that the note lacks, and how far each is expected to move every disease of the ranking. */
export function missing({ assessment, words }: View): HTMLElement {
  const root = card("missing", words.missing.title);
  if (assessment.missing.length === 0) {
    root.append(element("p", { class: "hint" }, words.missing.none));
    return root;
  }
  const ranked = assessment.differential.map(({ disease }) => disease);
  const most = Math.max(1e-9, ...assessment.missing.map(({ gain }) => gain));
  const head = element(
    "tr",
    {},
    element("th", { scope: "col" }, words.missing.test),
    element("th", { scope: "col", class: "gain" }, words.missing.gain),
    ...ranked.map((disease) =>
      element("th", { scope: "col", class: "number" }, words.differential.diseases[disease].short),
    ),
  );
  const rows = assessment.missing.map((test) => {
    const strongest = Math.max(...ranked.map((disease) => test.change[disease]));
    const changes = ranked.map((disease) => {
      const change = test.change[disease];
      const points = (100 * change).toFixed(change < 0.0095 ? 1 : 0);
      return element(
        "td",
        { class: "number", "data-most": change === strongest, "data-name": words.differential.diseases[disease].short },
        words.missing.points(points),
      );
    });
    const gain = element(
      "td",
      { class: "gain" },
      element("span", {}, words.missing.bits(test.gain.toFixed(2))),
      shareBar(test.gain / most, "gain-bar"),
    );
    return element("tr", {}, element("th", { scope: "row" }, test.display[words.language]), gain, ...changes);
  });
  root.append(
    element("p", { class: "hint" }, words.missing.hint),
    element("p", { class: "hint" }, words.missing.noOrder),
    element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows)),
    ...fold(rows, mostShown, words.state.more),
  );
  return root;
}
