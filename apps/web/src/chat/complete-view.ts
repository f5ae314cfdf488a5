import { button, element } from "../dom/element.ts";
import { followEnd } from "../dom/follow-end.ts";
import { oncePerFrame } from "../dom/frame.ts";
import { icons } from "../dom/icons.ts";
import type { Piece } from "../text/pieces.ts";
import { textOf } from "../text/pieces.ts";
import { createTextDocument } from "./document.ts";
import { createEditor } from "./editor.ts";
import type { Progress } from "./generation.ts";
import { createLegend } from "./legend.ts";
import { createNotice } from "./notice.ts";
import { createPrimaryButton } from "./primary-button.ts";
import { createRunner, type Session } from "./session.ts";
import { createStarts } from "./starts.ts";
import { createStats } from "./stats.ts";
import { createTokenText } from "./token-text.ts";

/** One of the page's modes. */
export interface ModeView {
  readonly root: HTMLElement;
  /** Puts the caret where a person goes on. */
  focus(): void;
}

/** A text that a person and the model write together. */
export function createCompleteView(session: Session): ModeView {
  const text = createTextDocument(session.store);
  const runner = createRunner(session);
  const notice = createNotice();
  const stats = createStats();
  const legend = createLegend();
  const tokenText = createTokenText(branch);
  const editor = createEditor({
    onEdit: (value, caret) => {
      text.edit(value, caret);
      show();
    },
    onUndo: undo,
    onRedo: redo,
    onContinue: () => void go(text.pieces, text.pieces),
  });
  const starts = createStarts((start) => {
    text.edit(start, start.length);
    show();
    editor.focus();
  });
  const sheet = element("div", { class: "sheet" }, legend.root, editor.root, tokenText.root, starts.root);
  const scroller = element("div", { class: "scroller" }, sheet);
  const end = followEnd(scroller);

  const primary = createPrimaryButton(runner, "Continue", "Ctrl+Enter", () => void go(text.pieces, text.pieces));
  const again = button("Regenerate", regenerate, {
    class: "button regenerate",
    icon: icons.again,
    title: "Another continuation in its place",
  });
  const back = button("Undo", undo, { icon: icons.undo, iconOnly: true, title: "Undo (Ctrl+Z)" });
  const forth = button("Redo", redo, { icon: icons.redo, iconOnly: true, title: "Redo (Ctrl+Shift+Z)" });
  const copy = button("Copy", () => void copyText(), { icon: icons.copy, iconOnly: true, title: "Copy the text" });
  const blank = button("New text", clear, {
    icon: icons.blank,
    iconOnly: true,
    title: "New text (Undo brings this back)",
  });
  const bar = element(
    "div",
    { class: "bar" },
    primary,
    again,
    element("span", { class: "bar-group" }, back, forth, copy, blank),
  );
  const root = element(
    "section",
    { class: "mode complete", "aria-label": "Complete" },
    scroller,
    notice.root,
    bar,
    stats.root,
  );

  function show(): void {
    const probabilities = session.probabilities.get();
    const busy = runner.busy.get();
    legend.show(probabilities, text.pieces);
    editor.root.hidden = probabilities;
    tokenText.root.hidden = !probabilities;
    if (probabilities) tokenText.show(text.pieces, true);
    else editor.show(text.pieces, busy);
    root.toggleAttribute("data-busy", busy);
    const empty = text.pieces.length === 0;
    starts.root.hidden = !empty || busy || probabilities;
    again.disabled = busy || text.continued() === undefined;
    back.disabled = busy || !text.canUndo;
    forth.disabled = busy || !text.canRedo;
    copy.disabled = empty;
    blank.disabled = busy || empty;
    end.keep();
  }

  const showSoon = oncePerFrame(show);

  /** Continues `from`; Undo goes back to `before`. */
  async function go(from: readonly Piece[], before: readonly Piece[]): Promise<void> {
    if (runner.busy.get()) return;
    notice.clear();
    tokenText.close();
    const continuation = text.begin(from, before);
    end.follow();
    const prompt = textOf(from);
    const progress = await runner.run(
      (model, sampling, signal) => session.client.complete(model, prompt, sampling, signal),
      (step) => {
        continuation.show(step.pieces);
        stats.show(step, session.model.get());
        showSoon();
      },
    );
    continuation.end();
    if (progress) tell(progress);
    else stats.clear();
    show();
  }

  function tell(progress: Progress): void {
    const count = `${progress.completionTokens} tokens`;
    if (progress.state === "stopped") session.announce(`Stopped after ${count}.`);
    else if (progress.state === "done") session.announce(`Done, ${count}.`);
    if (progress.problem) notice.show(progress.problem, () => void go(text.pieces, text.pieces));
    if (progress.state === "failed" && progress.pieces.length === 0) stats.clear();
  }

  function regenerate(): void {
    const before = text.continued();
    if (before === undefined || runner.busy.get()) return;
    session.nextSeed();
    void go(before, text.pieces);
  }

  function branch(index: number, alternative: string): void {
    const token = text.pieces[index]?.tokens?.[0];
    const logprob = token?.top.find((candidate) => candidate.text === alternative)?.logprob;
    if (token === undefined || logprob === undefined || runner.busy.get()) return;
    const piece: Piece = { text: alternative, by: "model", tokens: [{ ...token, text: alternative, logprob }] };
    session.announce(`Continuing from ${alternative}`);
    void go([...text.pieces.slice(0, index), piece], text.pieces);
  }

  function undo(): void {
    if (!runner.busy.get() && text.undo()) show();
  }

  function redo(): void {
    if (!runner.busy.get() && text.redo()) show();
  }

  function clear(): void {
    if (runner.busy.get()) return;
    text.clear();
    notice.clear();
    stats.clear();
    show();
    if (!session.probabilities.get()) editor.focus();
  }

  async function copyText(): Promise<void> {
    const done = await navigator.clipboard.writeText(textOf(text.pieces)).then(
      () => true,
      () => false,
    );
    session.announce(done ? "Copied." : "The browser does not let this page copy.");
  }

  root.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && runner.busy.get()) runner.stop();
    const command = event.ctrlKey || event.metaKey;
    if (command && event.key === "Enter" && event.target !== editor.input) void go(text.pieces, text.pieces);
  });
  session.probabilities.watch(show);
  runner.busy.watch(show);
  return { root, focus: () => (session.probabilities.get() ? primary.focus() : editor.focus()) };
}
