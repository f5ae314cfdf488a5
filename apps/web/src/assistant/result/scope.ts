import { button, element, icon } from "../../dom/element.ts";
import { icons } from "../../dom/icons.ts";
import { card, type View } from "./view.ts";

/** Why there is no ranking, and what can be done about it. */
export function outsideScope({ assessment, words, enterAge }: View): HTMLElement {
  const rows = assessment.scope.reasons.map((reason) => {
    const { title, advice } = words.scope.reasons[reason];
    const act = reason === "age-unknown" ? [button(words.scope.enterAge, enterAge)] : [];
    return element(
      "li",
      {},
      icon(icons.info),
      element("div", {}, element("b", {}, title), element("p", {}, advice), ...act),
    );
  });
  return card("differential", words.scope.title, element("ul", { class: "scope-reasons" }, ...rows));
}
