import type { Candidate } from "@baltoro/clinic";
import { element, icon } from "../../dom/element.ts";
import { icons } from "../../dom/icons.ts";
import { rove } from "../../dom/rove.ts";
import { probabilityBar } from "./bars.ts";
import { evidencePanel } from "./evidence.ts";
import { percentText } from "./measures.ts";
import { card, spoken, type View } from "./view.ts";

/** The ranking: every disease with its bar and interval, alike in weight; the one looked at shows its evidence. */
export function differential(view: View): HTMLElement {
  const { assessment, words, disease } = view;
  const panel = element("div", { class: "evidence", role: "tabpanel", id: "assistant-evidence" });
  const tabs = assessment.differential.map((candidate) => {
    const tab = candidateTab(candidate, view);
    tab.addEventListener("click", () => disease.set(candidate.disease));
    return { candidate, tab };
  });
  const list = element(
    "div",
    { role: "tablist", class: "candidates", "aria-orientation": "vertical", "aria-label": words.differential.title },
    ...tabs.map(({ tab }) => tab),
  );
  const show = () => {
    for (const { candidate, tab } of tabs) {
      const chosen = candidate.disease === disease.get();
      tab.setAttribute("aria-selected", String(chosen));
      tab.tabIndex = chosen ? 0 : -1;
      if (!chosen) continue;
      panel.setAttribute("aria-labelledby", tab.id);
      panel.replaceChildren(...evidencePanel(candidate, view));
    }
  };
  show();
  rove(list, "[role=tab]", (tab) => tab.click());
  list.addEventListener("click", show);
  const axis = element(
    "p",
    { class: "axis", "aria-hidden": "true" },
    ...["0", "25", "50", "75", "100%"].map((at) => element("span", {}, at)),
  );
  return card(
    "differential",
    words.differential.title,
    element("p", { class: "hint" }, words.differential.hint),
    ...abstention(view),
    ...noneLikely(view),
    list,
    axis,
    element("p", { class: "hint key" }, words.differential.key),
    panel,
  );
}

function candidateTab(candidate: Candidate, { words, assessment }: View): HTMLElement {
  const { name } = words.differential.diseases[candidate.disease];
  const plausible = candidate.plausible ? words.differential.plausible : words.differential.implausible;
  const interval = words.differential.interval(percentText(candidate.low), percentText(candidate.high));
  return element(
    "button",
    {
      type: "button",
      role: "tab",
      class: "candidate",
      id: `assistant-tab-${candidate.disease}`,
      "aria-controls": "assistant-evidence",
      "data-set-aside": !candidate.plausible,
      "data-abstained": assessment.abstention !== undefined,
    },
    element("span", { class: "candidate-name" }, name, element("span", { class: "icd" }, candidate.icd10)),
    element(
      "span",
      { class: "candidate-figure" },
      element("b", {}, percentText(candidate.probability)),
      element("span", { class: "interval" }, spoken(" ("), interval, spoken(")")),
    ),
    element("span", { class: "candidate-bar" }, probabilityBar(candidate.probability, candidate.low, candidate.high)),
    spoken(plausible),
  );
}

/** A ranking none of whose diseases is likely speaks for another cause, and says so. */
function noneLikely({ assessment, words }: View): HTMLElement[] {
  if (assessment.differential.some(({ plausible }) => plausible)) return [];
  const text = element("p", {}, words.differential.noneLikely);
  return [element("div", { class: "caution", role: "note" }, icon(icons.info), text)];
}

function abstention({ assessment, words }: View): HTMLElement[] {
  const { abstention: given } = assessment;
  if (given === undefined) return [];
  const title = given.reason === "uncertain" ? words.abstention.uncertain : words.abstention.littleInformation;
  const text = element("div", {}, element("b", {}, title), element("p", {}, given.message[words.language]));
  return [element("div", { class: "caution", role: "note" }, icon(icons.warn), text)];
}
