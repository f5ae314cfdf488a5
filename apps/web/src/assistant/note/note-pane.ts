import type { Assessment, Disease } from "@baltoro/clinic";
import type { Cell } from "../../dom/cell.ts";
import { button, element, icon } from "../../dom/element.ts";
import { icons } from "../../dom/icons.ts";
import { languageTags } from "../../language/language.ts";
import { longestNote } from "../assess.ts";
import type { Case, Result } from "../case.ts";
import type { Links } from "../links.ts";
import { ageText } from "../result/about.ts";
import type { Strings } from "../strings/index.ts";
import { createAgeFields } from "./age-fields.ts";
import { createLegend } from "./legend.ts";
import { createMarkedNote } from "./marked-note.ts";
import { marksOf } from "./marks.ts";

/** Whether the note is written or read. */
export type Mode = "write" | "read";

/** The note, as it is written and as it was assessed. */
export interface NotePane {
  readonly root: HTMLElement;
  /** What the note scrolls in. */
  readonly scroller: HTMLElement;
  readonly textarea: HTMLTextAreaElement;
  show(): void;
  focusMarks(): void;
  focusAge(): void;
  /** Whether what is written can be assessed; else says why not. */
  check(): boolean;
  say(fault: string): void;
}

/** What the pane does through the page. */
export interface NoteActs {
  assess(): void;
  cancel(): void;
  open(): void;
  edit(): void;
  clear(): void;
  previous(): void;
  showKeys(): void;
}

/** Makes a {@link NotePane}. */
export function createNotePane(
  patient: Case,
  mode: Cell<Mode>,
  disease: Cell<Disease | undefined>,
  acts: NoteActs,
  words: Strings,
  links: Links,
): NotePane {
  const { note: say } = words;
  const marked = createMarkedNote(links, say.marked);
  const legend = createLegend(words);
  const age = createAgeFields(patient, words);
  const textarea = element("textarea", {
    class: "note-input",
    "aria-label": say.label,
    "aria-describedby": "assistant-note-error",
    placeholder: say.placeholder,
    spellcheck: "false",
    // No dir="auto": Chromium then takes seconds to lay out tens of thousands of lines.
    autocomplete: "off",
  });
  textarea.value = patient.text.get();
  const facts = element("p", { class: "note-facts" });
  const counter = element("p", { class: "hint counter" });
  const error = element("p", { class: "field-error", id: "assistant-note-error", role: "alert" });
  const open = button(say.open, acts.open, { icon: icons.open, class: "button quiet" });
  const edit = button(say.edit, acts.edit, { icon: icons.edit, class: "button quiet" });
  const clear = button(say.clear, acts.clear, { icon: icons.blank, class: "button quiet" });
  const previous = button(say.previous, acts.previous, { icon: icons.undo, class: "button quiet" });
  const keys = button(words.state.keys, acts.showKeys, { icon: icons.keys, iconOnly: true, class: "button quiet" });
  const assess = button(say.assess, () => (patient.running.get() ? acts.cancel() : acts.assess()), {
    class: "button primary",
  });
  const head = element(
    "div",
    { class: "note-head" },
    element("h2", { id: "assistant-note" }, say.title),
    facts,
    element("div", { class: "note-acts" }, edit, open, clear, previous, keys),
  );
  const foot = element("div", { class: "note-foot" }, age.root, element("div", { class: "note-go" }, counter, assess));
  const scroller = element("div", { class: "note-scroller" }, marked.root);
  const drop = element("p", { class: "drop-hint", "aria-hidden": "true" }, say.drop);
  const root = element(
    "section",
    { class: "note-pane", "aria-labelledby": "assistant-note" },
    ...[head, textarea, scroller, error, foot, legend.root, drop],
  );

  textarea.addEventListener("input", () => patient.text.set(textarea.value));
  textarea.addEventListener("paste", () => {
    // A note that is pasted where none was is read at once; what is pasted into a note waits for the rest.
    if (textarea.value.trim() === "") setTimeout(() => patient.text.get().trim() !== "" && acts.assess());
  });

  function fault(): string {
    const length = patient.text.get().length;
    return length > longestNote ? say.tooLong(length, longestNote) : "";
  }

  let shownText: string | undefined;
  let drawn: { readonly result: Result; readonly disease: Disease | undefined } | undefined;
  return {
    root,
    scroller,
    textarea,
    focusMarks: marked.focus,
    focusAge: age.focus,
    say(text) {
      error.textContent = text;
    },
    check() {
      error.textContent = patient.text.get().trim() === "" ? say.empty : fault();
      if (error.textContent !== "") textarea.focus();
      return error.textContent === "" && age.check();
    },
    show() {
      const result = patient.result.get();
      const reading = mode.get() === "read" && result !== undefined;
      const text = patient.text.get();
      if (textarea.value !== text) textarea.value = text;
      age.show();
      root.dataset["mode"] = reading ? "read" : "write";
      textarea.hidden = reading;
      scroller.hidden = !reading;
      foot.hidden = reading;
      edit.hidden = !reading;
      legend.root.hidden = !reading;
      clear.hidden = text === "" && result === undefined;
      previous.hidden = !patient.hasPrevious();
      counter.textContent = text === "" ? "" : say.count(text.length, longestNote);
      if (text !== shownText) error.textContent = fault();
      shownText = text;
      const running = patient.running.get();
      const label = running ? say.cancel : result === undefined ? say.assess : say.assessAgain;
      assess.replaceChildren(icon(running ? icons.stop : icons.play), element("span", {}, label));
      assess.toggleAttribute("data-stop", running);
      assess.title = running ? `${label} (Esc)` : `${label} (Ctrl+Enter)`;
      facts.replaceChildren(...(reading ? factsOf(result.assessment, words) : []));
      if (!reading) {
        drawn = undefined;
        return links.forgetPieces();
      }
      // Drawing a long note takes time: only when something of it changed.
      if (drawn?.result === result && drawn.disease === disease.get()) return;
      drawn = { result, disease: disease.get() };
      const language = languageTags[result.assessment.note.language];
      marked.show(result.text, marksOf(result.assessment, disease.get(), words), language);
      legend.show(result.assessment, disease.get(), result.text);
      // Without marks the keys need another stop to scroll the note from.
      if (marked.root.querySelector("[data-stop]") === null) marked.root.tabIndex = 0;
      else marked.root.removeAttribute("tabindex");
    },
  };
}

function factsOf({ note, patient }: Assessment, words: Strings): HTMLElement[] {
  return [
    element("span", {}, `${words.about.age} ${ageText(patient.ageMonths, words)}`),
    element("span", { class: "note-language" }, ` · ${words.note.readAs[note.language]}`),
  ];
}
