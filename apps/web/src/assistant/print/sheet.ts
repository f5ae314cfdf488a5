import { element } from "../../dom/element.ts";
import { languageTags } from "../../language/language.ts";
import type { Result } from "../case.ts";
import { partsOf } from "../note/hidden.ts";
import { ageText } from "../result/about.ts";
import type { Reading } from "../result/view.ts";
import type { Strings } from "../strings/index.ts";
import { flagList, type Measure, missingList, noticeList, ranking, scope, section, valueList } from "./parts.ts";

/** The result on one sheet of paper. */
export interface Sheet {
  readonly root: HTMLElement;
  /** Puts the first characters of the note on it. */
  showNote(characters: number): void;
}

/** Makes a {@link Sheet}, without the note. */
export function createSheet(result: Result, words: Strings, most: Measure, now: Date): Sheet {
  const { assessment } = result;
  const view: Reading = { assessment, words };
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

function noteText({ assessment, words }: Reading, text: string, characters: number): HTMLElement[] {
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
