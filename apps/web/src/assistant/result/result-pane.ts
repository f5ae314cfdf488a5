import { button, element, icon } from "../../dom/element.ts";
import { icons } from "../../dom/icons.ts";
import { about, notices } from "./about.ts";
import { differential } from "./differential.ts";
import { missing } from "./missing.ts";
import { outsideScope } from "./scope.ts";
import { values } from "./values.ts";
import { spoken, type View } from "./view.ts";

/** The result in the order in which it is to be read; red flags stand before it, over the whole page. */
export function resultPane(view: View): HTMLElement {
  const { assessment } = view;
  const ranked = assessment.scope.inside && assessment.differential.length > 0;
  const first = ranked ? differential(view) : outsideScope(view);
  return element(
    "div",
    { class: "results" },
    element("div", { class: "results-main" }, first, ...(ranked ? [missing(view)] : [])),
    element("div", { class: "results-side" }, values(view)),
    element("div", { class: "results-end" }, notices(view), about(view)),
  );
}

/** The line over the result: which model, how fast, what to do with it. */
export function resultHead({ assessment, words }: View, milliseconds: number, print: () => void): HTMLElement {
  const { model } = assessment;
  return element(
    "div",
    { class: "result-head" },
    element("h2", { class: "visually-hidden", tabindex: -1, id: "assistant-results" }, words.state.results),
    element(
      "p",
      { class: "model-line" },
      element("b", { lang: "en" }, model.name),
      ` ${model.version} `,
      element("code", { title: model.hash }, spoken(`${words.about.hash} `), model.hash.slice(0, 12)),
      element(
        "span",
        { class: "badge", "data-training": model.training },
        `${words.about.trainedOn}: ${words.about.training[model.training]}`,
      ),
      element("span", { class: "took" }, words.state.took(Math.round(milliseconds))),
    ),
    button(words.state.print, print, { icon: icons.print, class: "button quiet" }),
  );
}

/** Says that the result is of an earlier note, while that is so. */
export function staleNotice(view: View, again: () => void): HTMLElement {
  const { words } = view;
  return element(
    "div",
    { class: "caution stale", role: "note" },
    icon(icons.warn),
    element("p", {}, words.state.stale),
    button(words.note.assessAgain, again),
  );
}
