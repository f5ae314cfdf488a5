import type { Candidate } from "@baltoro/clinic";
import { element } from "../../dom/element.ts";
import { probabilityBar } from "../result/bars.ts";
import { weightText } from "../result/evidence.ts";
import { named, percentText } from "../result/measures.ts";
import { sourceList, sourceNumber, sourcesOf } from "../result/red-flags.ts";
import { itemText, valueRows, valueText } from "../result/value-rows.ts";
import { quote, type Reading } from "../result/view.ts";

/** How much of each part stands on the sheet; the rest is on the screen, and the sheet says so. */
export interface Measure {
  readonly flags: number;
  readonly values: number;
  readonly evidence: number;
  readonly missing: number;
}

export function section(title: string, ...content: readonly Node[]): HTMLElement {
  return element("section", {}, element("h2", {}, title), ...content);
}

function rest(count: number, { words }: Reading): HTMLElement[] {
  return count > 0 ? [element("p", { class: "rest" }, words.print.more(count))] : [];
}

export function flagList(view: Reading, most: Measure): HTMLElement {
  const { assessment, words } = view;
  const flags = assessment.redFlags.toSorted(
    (a, b) => Number(a.severity === "urgent") - Number(b.severity === "urgent"),
  );
  if (flags.length === 0) return section(words.redFlags.title, element("p", {}, words.redFlags.none));
  const shown = flags.slice(0, most.flags);
  const sources = sourcesOf(shown);
  const rows = shown.map((flag) =>
    element(
      "li",
      {},
      element("b", {}, `${words.redFlags[flag.severity]}: ${flag.message[words.language]}`),
      ...(sources.length > 1 ? [sourceNumber(flag.source, sources, words)] : []),
    ),
  );
  return section(
    words.redFlags.title,
    element("ul", { class: "flags" }, ...rows),
    sourceList(sources, words),
    ...rest(flags.length - rows.length, view),
  );
}

export function ranking(view: Reading, most: Measure): HTMLElement {
  const { assessment, words } = view;
  const { abstention } = assessment;
  const caution = abstention
    ? [element("p", { class: "boxed" }, element("b", {}, abstention.message[words.language]))]
    : [];
  const rows = assessment.differential.map((candidate) => {
    const { name } = words.differential.diseases[candidate.disease];
    const interval = words.differential.interval(percentText(candidate.low), percentText(candidate.high));
    return element(
      "li",
      { "data-set-aside": !candidate.plausible },
      element(
        "p",
        { class: "line" },
        element("b", {}, name),
        element("span", {}, `${percentText(candidate.probability)} (${interval})`),
      ),
      probabilityBar(candidate.probability, candidate.low, candidate.high),
      ...evidenceLine("for", candidate, view, most.evidence),
      ...evidenceLine("against", candidate, view, most.evidence),
    );
  });
  return section(
    words.differential.title,
    ...caution,
    ...(assessment.differential.some(({ plausible }) => plausible)
      ? []
      : [element("p", { class: "boxed" }, words.differential.noneLikely)]),
    element("ul", { class: "ranking" }, ...rows),
    element("p", { class: "rest" }, `${words.differential.hint} ${words.differential.key}`),
  );
}

function evidenceLine(side: "for" | "against", candidate: Candidate, view: Reading, most: number): HTMLElement[] {
  const found = candidate[side].slice(0, most);
  if (found.length === 0) return [];
  const parts = found.flatMap(({ text, weight }, i) => [
    ...(i > 0 ? [" · "] : []),
    quote(shorten(text), view),
    ` ${weightText(weight)}`,
  ]);
  return [element("p", { class: "evidence-line" }, `${view.words.evidence[side]}: `, ...parts)];
}

/** A clause may be long; the sheet has its beginning. */
function shorten(text: string): string {
  const characters = [...text.replace(/\s+/g, " ").trim()];
  return characters.length > 40 ? `${characters.slice(0, 39).join("")}…` : characters.join("");
}

export function scope({ assessment, words }: Reading): HTMLElement {
  const rows = assessment.scope.reasons.map((reason) => {
    const { title, advice } = words.scope.reasons[reason];
    return element("li", {}, element("b", {}, title), ` ${advice}`);
  });
  return section(words.scope.title, element("ul", { class: "boxed" }, ...rows));
}

export function valueList(view: Reading, most: Measure): HTMLElement {
  const { assessment, words } = view;
  const { rows } = valueRows(assessment.items, assessment.patient.ageMonths);
  if (rows.length === 0) return section(words.values.title, element("p", {}, words.values.none));
  const lines = rows.slice(0, most.values).map(({ code, latest, earlier }) => {
    const flag = latest.item.flag;
    const before = earlier.slice(-3).map(({ item }) => shorten(valueText(item, words.values.results)));
    const now = itemText(latest.item, words.values.results, words.values.perMinute);
    const trend = [...before, shorten(now)].join(" → ");
    return element(
      "li",
      { class: "line" },
      element("span", {}, named(words.values.names, code)),
      element("span", {}, trend, flag === "H" || flag === "L" ? element("b", {}, flag === "H" ? " ↑" : " ↓") : ""),
    );
  });
  return section(
    words.values.title,
    element("ul", { class: "chart" }, ...lines),
    ...rest(rows.length - lines.length, view),
  );
}

export function missingList(view: Reading, most: Measure): HTMLElement {
  const { assessment, words } = view;
  const lines = assessment.missing
    .slice(0, most.missing)
    .map((test) =>
      element(
        "li",
        { class: "line" },
        element("span", {}, test.display[words.language]),
        element("span", {}, words.missing.bits(test.gain.toFixed(2))),
      ),
    );
  return section(
    words.missing.title,
    element("ul", {}, ...lines),
    element("p", { class: "rest" }, words.missing.noOrder),
  );
}

export function noticeList({ assessment, words }: Reading): HTMLElement {
  return element(
    "ul",
    { class: "boxed" },
    ...assessment.notices.map((notice) => element("li", {}, notice[words.language])),
  );
}
