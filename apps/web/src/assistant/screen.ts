import type { Disease } from "@baltoro/clinic";
import type { Problem } from "../api/problem.ts";
import type { Cell } from "../dom/cell.ts";
import { element } from "../dom/element.ts";
import type { Case, Outcome } from "./case.ts";
import { intro } from "./intro.ts";
import { createKeys } from "./keys.ts";
import { createLinks } from "./links.ts";
import { acceptDrop } from "./note/drop.ts";
import { createNotePane, type Mode } from "./note/note-pane.ts";
import { openFile } from "./note/open-file.ts";
import { createProblemNotice } from "./problem-notice.ts";
import { toProblem } from "./problems.ts";
import { redFlags } from "./result/red-flags.ts";
import { resultHead, resultPane, staleNotice } from "./result/result-pane.ts";
import type { View } from "./result/view.ts";
import type { KeyAct, Strings } from "./strings/index.ts";

/** What a {@link Screen} shows and does. */
export interface ScreenOptions {
  readonly patient: Case;
  readonly mode: Cell<Mode>;
  readonly disease: Cell<Disease | undefined>;
  readonly words: Strings;
  askKey(message: string): Promise<boolean>;
  announce(text: string): void;
}

/** The page in one language. */
export interface Screen {
  readonly root: HTMLElement;
  act(act: KeyAct): void;
  focus(): void;
  /** Ends its part in what goes on. */
  leave(): void;
}

/** Draws the page and keeps it as the case is. */
export function createScreen({ patient, mode, disease, words, askKey, announce }: ScreenOptions): Screen {
  const ends: (() => void)[] = [];
  const links = createLinks(() => (mode.get() === "read" ? pane.scroller : undefined));
  const keys = createKeys(words);
  const file = element("input", {
    type: "file",
    accept: ".txt,text/plain",
    hidden: true,
    "aria-label": words.note.open,
  });
  const acts = { assess, cancel, open: () => file.click(), edit, clear, previous, showKeys: keys.show };
  const pane = createNotePane(patient, mode, disease, acts, words, links);
  const problem = createProblemNotice(
    words,
    (given) => void retry(given),
    () => patient.problem.set(undefined),
  );
  const flags = element("div", { class: "flags-place" });
  const stale = element("div", { class: "stale-place" });
  const body = element("div", { class: "result-body" });
  const results = element("div", { class: "result-pane" }, problem.root, stale, body);
  const root = element(
    "div",
    { class: "assistant" },
    element("h1", { class: "visually-hidden" }, words.page),
    flags,
    pane.root,
    results,
    keys.root,
    file,
  );

  let drawn = false;

  async function assess(): Promise<void> {
    if (!pane.check()) return;
    announce(words.state.running);
    finish(await patient.assess());
  }

  function finish(outcome: Outcome): void {
    const assessment = patient.result.get()?.assessment;
    if (outcome === "superseded" && !patient.running.get()) announce(words.state.changed);
    if (outcome !== "done" || assessment === undefined) return;
    const hadFocus = root.contains(document.activeElement) || document.activeElement === document.body;
    mode.set("read");
    const { redFlags: found, items, differential: ranked } = assessment;
    announce(words.state.done(found.length, items.filter(({ status }) => status !== "other").length, ranked.length));
    if (hadFocus) focusOn(found.length > 0 ? "red-flags" : "results");
  }

  function cancel(): void {
    if (!patient.running.get()) return;
    patient.cancel();
    announce(words.state.cancelled);
  }

  async function retry(given: Problem): Promise<void> {
    if (given.kind === "unauthorized" && !(await askKey(given.message))) return;
    await assess();
  }

  function edit(): void {
    mode.set("write");
    pane.textarea.focus();
  }

  function clear(): void {
    patient.replace("");
    edit();
  }

  function previous(): void {
    patient.previous();
    mode.set(patient.result.get() !== undefined && patient.isCurrent() ? "read" : "write");
  }

  function take(text: string): void {
    patient.replace(text);
    // A text field turns all line ends into LF: what is shown is what offsets count.
    mode.set("write");
    patient.text.set(pane.textarea.value);
    void assess();
  }

  async function takeFile(given: File): Promise<void> {
    const opened = await openFile(given);
    if ("text" in opened) take(opened.text);
    else pane.say(words.note[opened.fault](given.name));
  }

  function focusOn(name: string): void {
    root.querySelector<HTMLElement>(`#assistant-${name}`)?.focus();
  }

  function showResult(): void {
    const result = patient.result.get();
    root.toggleAttribute("data-result", result !== undefined);
    links.forgetEntries("");
    if (result === undefined) {
      flags.replaceChildren();
      body.replaceChildren(intro(words, ({ text }) => take(text)));
      return;
    }
    const ranked = result.assessment.differential.map((candidate) => candidate.disease);
    // The first drawing is of another language, perhaps: what was looked at stays.
    if (drawn || !ranked.some((each) => each === disease.get())) disease.set(ranked[0]);
    drawn = true;
    const enterAge = () => {
      mode.set("write");
      pane.focusAge();
    };
    const view: View = { assessment: result.assessment, words, links, disease, enterAge };
    flags.replaceChildren(redFlags(view));
    body.replaceChildren(
      resultHead(view, result.milliseconds, () => print()),
      resultPane(view),
    );
    stale.replaceChildren(staleNotice(view, () => void assess()));
  }

  function showState(): void {
    pane.show();
    stale.hidden = patient.result.get() === undefined || patient.isCurrent();
    root.toggleAttribute("data-stale", !stale.hidden);
    root.toggleAttribute("data-running", patient.running.get());
    results.setAttribute("aria-busy", String(patient.running.get()));
  }

  file.addEventListener("change", () => {
    const given = file.files?.[0];
    file.value = "";
    if (given) void takeFile(given);
  });
  acceptDrop(root, (given) => void takeFile(given));
  ends.push(
    patient.result.watch(() => {
      try {
        showResult();
      } catch (error) {
        // An answer of a newer server, perhaps: half a result must not stand there as if it were whole.
        patient.result.set(undefined);
        patient.problem.set(toProblem(error));
      }
    }),
  );
  for (const cell of [patient.text, patient.age, patient.result, patient.running, mode, disease] as const) {
    ends.push((cell as Cell<unknown>).watch(showState));
  }
  ends.push(patient.problem.watch(problem.show));

  return {
    root,
    focus: () => (mode.get() === "write" && matchMedia("(pointer: fine)").matches ? pane.textarea.focus() : undefined),
    act(act) {
      const go: Partial<Record<KeyAct, () => void>> = {
        assess: () => void assess(),
        cancel: () => (patient.running.get() ? cancel() : leaveMark()),
        edit,
        help: keys.show,
        note: pane.focusMarks,
        redFlags: () => focusOn("red-flags"),
        differential: () =>
          (
            root.querySelector<HTMLElement>("[role=tab][tabindex='0']") ??
            root.querySelector<HTMLElement>("#assistant-differential")
          )?.focus(),
        values: () => focusOn("values"),
        missing: () => focusOn("missing"),
      };
      go[act]?.();
    },
    leave: () => {
      for (const end of ends) end();
    },
  };

  function leaveMark(): void {
    if (!links.jump()) links.clear();
  }
}
