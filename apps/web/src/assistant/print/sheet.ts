import type { Candidate } from "@baltoro/clinic";
import { createCell } from "../../dom/cell.ts";
import { element } from "../../dom/element.ts";
import { languageTags } from "../../language/language.ts";
import type { Result } from "../case.ts";
import { createLinks } from "../links.ts";
import { partsOf } from "../note/hidden.ts";
import { ageText } from "../result/about.ts";
import { probabilityBar } from "../result/bars.ts";
import { weightText } from "../result/evidence.ts";
import { named, percentText } from "../result/measures.ts";
import { itemText, valueRows, valueText } from "../result/value-rows.ts";
import { quote, type View } from "../result/view.ts";
import type { Strings } from "../strings/index.ts";

/** How much of each part stands on the sheet; the rest is on the screen, and the sheet says so. */
export interface Measure {
  readonly flags: number;
  readonly values: number;
  readonly evidence: number;
  readonly missing: number;
}

/** The result on one sheet of paper. */
export interface Sheet {
  readonly root: HTMLElement;
  /** Puts the first characters of the note on it. */
  showNote(characters: number): void;
}

/** Makes a {@link Sheet}, without the note. */
export function createSheet(result: Result, words: Strings, most: Measure, now: Date): Sheet {
  const { assessment } = result;
  const view: View = {
    assessment,
    words,
    links: createLinks(() => undefined),
    disease: createCell(undefined),
    enterAge() {},
  };
  const { model, patient } = assessment;
  const facts = [
    `${words.about.age} ${ageText(patient.ageMonths, words)}`,
    words.note.readAs[assessment.note.language],
    `${words.print.printed} ${now.toLocaleString(words.language)}`,
  ];
  const head = element("header", {}, element("h1", {}, words.print.title), element("p", {}, facts.join(" · ")));
  const ranked = assessment.scope.inside && assessment.differential.length > 0;
  const first = ranked ? ranking(view, most) : scope(view);
  const foot = element(
    "footer",
    {},
    element(
      "p",
      {},
      `${words.about.model}: ${model.name} ${model.version} · ${words.about.trainedOn}: ${words.about.training[model.training]}`,
    ),
    element("p", {}, `${words.about.hash} `, element("code", {}, model.hash)),
    element("p", {}, `${words.about.noteHash} `, element("code", {}, assessment.note.sha256)),
    element("p", { class: "sign" }, `${words.print.sign}: `),
  );
  const columns = element(
    "div",
    { class: "columns" },
    first,
    element("div", {}, valueList(view, most), ...(ranked ? [missingList(view, most)] : [])),
  );
  const note = section(words.note.title);
  note.classList.add("note-part");
  const root = element(
    "div",
    { class: "print-sheet", lang: languageTags[words.language] },
    ...[head, flagList(view, most), columns, noticeList(view), note, foot],
  );
  return {
    root,
    showNote(characters) {
      note.replaceChildren(...[...note.querySelectorAll("h2")], ...noteText(view, result.text, characters));
    },
  };
}

function section(title: string, ...content: readonly Node[]): HTMLElement {
  return element("section", {}, element("h2", {}, title), ...content);
}

function rest(count: number, { words }: View): HTMLElement[] {
  return count > 0 ? [element("p", { class: "rest" }, words.print.more(count))] : [];
}

function flagList(view: View, most: Measure): HTMLElement {
  const { assessment, words } = view;
  const flags = assessment.redFlags.toSorted(
    (a, b) => Number(a.severity === "urgent") - Number(b.severity === "urgent"),
  );
  if (flags.length === 0) return section(words.redFlags.title, element("p", {}, words.redFlags.none));
  const rows = flags
    .slice(0, most.flags)
    .map((flag) =>
      element(
        "li",
        {},
        element("b", {}, `${words.redFlags[flag.severity]}: ${flag.message[words.language]}`),
        ` (${flag.source})`,
      ),
    );
  return section(
    words.redFlags.title,
    element("ul", { class: "flags" }, ...rows),
    ...rest(flags.length - rows.length, view),
  );
}

function ranking(view: View, most: Measure): HTMLElement {
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
    element("ul", { class: "ranking" }, ...rows),
    element("p", { class: "rest" }, `${words.differential.hint} ${words.differential.key}`),
  );
}

function evidenceLine(side: "for" | "against", candidate: Candidate, view: View, most: number): HTMLElement[] {
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

function scope({ assessment, words }: View): HTMLElement {
  const rows = assessment.scope.reasons.map((reason) => {
    const { title, advice } = words.scope.reasons[reason];
    return element("li", {}, element("b", {}, title), ` ${advice}`);
  });
  return section(words.scope.title, element("ul", { class: "boxed" }, ...rows));
}

function valueList(view: View, most: Measure): HTMLElement {
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

function missingList(view: View, most: Measure): HTMLElement {
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
  return section(words.missing.title, element("ul", {}, ...lines));
}

function noticeList({ assessment, words }: View): HTMLElement {
  return element(
    "ul",
    { class: "boxed" },
    ...assessment.notices.map((notice) => element("li", {}, notice[words.language])),
  );
}

function noteText({ assessment, words }: View, text: string, characters: number): HTMLElement[] {
  const shown = text.slice(0, characters);
  const parts = partsOf(shown).map(({ text: part, code }) => (code === undefined ? part : `[${code}]`));
  const body = element(
    "p",
    { class: "note-text", lang: languageTags[assessment.note.language], dir: "auto" },
    parts.join(""),
  );
  if (shown.length === text.length) return [body];
  return [body, element("p", { class: "rest" }, words.print.cut(shown.length, text.length))];
}
