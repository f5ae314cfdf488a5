import type { Message } from "../api/types.ts";
import { button, element } from "../dom/element.ts";
import { followEnd } from "../dom/follow-end.ts";
import { oncePerFrame } from "../dom/frame.ts";
import { icons } from "../dom/icons.ts";
import { createHistory } from "../text/history.ts";
import { type Piece, textOf } from "../text/pieces.ts";
import type { ModeView } from "./complete-view.ts";
import { readConversation, type Turn } from "./conversation.ts";
import { createLegend } from "./legend.ts";
import { createMessageList } from "./message-list.ts";
import { createNotice } from "./notice.ts";
import { createPrimaryButton } from "./primary-button.ts";
import { createRunner, type Session } from "./session.ts";
import { createStats } from "./stats.ts";
import { createSaver } from "./storage.ts";

/** A conversation with the model. */
export function createChatView(session: Session): ModeView {
  const history = createHistory<readonly Turn[]>();
  const runner = createRunner(session);
  const notice = createNotice();
  const stats = createStats();
  const legend = createLegend();
  const list = createMessageList();
  let turns = readConversation(session.store.read("conversation"));

  const input = element("textarea", {
    class: "composer-input",
    rows: 1,
    "aria-label": "Message",
    placeholder: "Write a message",
    spellcheck: "true",
  });
  const kept = session.store.read("message");
  input.value = typeof kept === "string" ? kept : "";
  const save = createSaver(() => {
    session.store.write("message", input.value);
    if (session.store.write("conversation", turns)) return;
    const plain = turns.map(({ role, pieces }) => ({ role, pieces: [{ text: textOf(pieces), by: pieces[0]?.by }] }));
    session.store.write("conversation", plain);
  });

  const honest = element("p", { class: "honest" });
  const scroller = element(
    "div",
    { class: "scroller" },
    element("div", { class: "sheet" }, honest, legend.root, list.root),
  );
  const end = followEnd(scroller);
  const primary = createPrimaryButton(runner, "Send", "Enter", send);
  const again = button("Regenerate", regenerate, {
    class: "button regenerate",
    icon: icons.again,
    title: "Another answer in its place",
  });
  const back = button("Undo", undo, { icon: icons.undo, iconOnly: true });
  const forth = button("Redo", redo, { icon: icons.redo, iconOnly: true });
  const blank = button("New conversation", clear, { icon: icons.blank, iconOnly: true });
  const composer = element("div", { class: "composer" }, input, primary);
  const bar = element("div", { class: "bar" }, again, element("span", { class: "bar-group" }, back, forth, blank));
  const root = element(
    "section",
    { class: "mode chat", "aria-label": "Chat" },
    ...[scroller, notice.root, composer, bar, stats.root],
  );

  function show(): void {
    const busy = runner.busy.get();
    const probabilities = session.probabilities.get();
    legend.show(
      probabilities,
      turns.flatMap(({ pieces }) => pieces),
    );
    list.show(turns, probabilities, busy);
    again.disabled = busy || turns.at(-1)?.role !== "assistant";
    back.disabled = busy || !history.canUndo;
    forth.disabled = busy || !history.canRedo;
    blank.disabled = busy || turns.length === 0;
    root.toggleAttribute("data-busy", busy);
    end.keep();
  }

  const showSoon = oncePerFrame(show);

  function set(next: readonly Turn[]): void {
    turns = next;
    save();
    showSoon();
  }

  function send(): void {
    const content = input.value.trim();
    if (runner.busy.get() || content === "") return;
    history.record(turns);
    input.value = "";
    void answer([...turns, { role: "user", pieces: [{ text: content, by: "user" }] }]);
  }

  /** Answers a conversation that ends with a person's turn. Where nothing comes of it, `otherwise` is shown again. */
  async function answer(asked: readonly Turn[], otherwise = asked): Promise<void> {
    notice.clear();
    set(asked);
    end.follow();
    let recorded = otherwise === asked;
    const messages = asked.map(({ role, pieces }): Message => ({ role, content: textOf(pieces) }));
    const progress = await runner.run(
      (model, sampling, signal) => session.client.chat(model, messages, sampling, signal),
      (step) => {
        stats.show(step, session.model.get());
        if (step.pieces.length === 0) return;
        if (!recorded) history.record(otherwise);
        recorded = true;
        set([...asked, { role: "assistant", pieces: withoutLead(step.pieces) }]);
      },
    );
    if (progress === undefined || progress.pieces.length === 0) set(otherwise);
    if (progress?.problem) notice.show(progress.problem, () => void answer(asked, turns));
    else if (progress) session.announce(progress.state === "stopped" ? "Stopped." : "The answer is complete.");
    if (progress === undefined || progress.problem) stats.clear();
    show();
  }

  function regenerate(): void {
    if (runner.busy.get() || turns.at(-1)?.role !== "assistant") return;
    session.nextSeed();
    void answer(turns.slice(0, -1), turns);
  }

  function undo(): void {
    if (runner.busy.get()) return;
    const after = turns;
    const before = history.undo(turns);
    if (before === undefined) return;
    const taken = after.length > before.length ? after[before.length] : undefined;
    if (taken?.role === "user" && input.value === "") input.value = textOf(taken.pieces);
    notice.clear();
    set(before);
    show();
  }

  function redo(): void {
    if (runner.busy.get()) return;
    const after = history.redo(turns);
    if (after === undefined) return;
    const last = after.findLast(({ role }) => role === "user");
    if (last && input.value === textOf(last.pieces)) input.value = "";
    set(after);
    show();
  }

  function clear(): void {
    if (runner.busy.get()) return;
    history.record(turns);
    notice.clear();
    stats.clear();
    set([]);
    show();
    input.focus();
  }

  input.addEventListener("input", save);
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send();
  });
  root.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && runner.busy.get()) runner.stop();
  });
  session.probabilities.watch(show);
  runner.busy.watch(show);
  session.model.watch((model) => {
    const { chat, trainedOn } = model?.baltoro ?? {};
    honest.hidden = chat !== false;
    const books = trainedOn === undefined ? "on books" : `on ${trainedOn}`;
    honest.textContent = `This model was trained ${books} and has not learnt to converse: it goes on with the conversation as if it were a text.`;
  });
  return { root, focus: () => input.focus({ preventScroll: true }) };
}

const bare = new WeakMap<Piece, Piece>();

/** An answer without the blank that it often begins with. The same piece gives the same one, so that its element stays. */
function withoutLead(pieces: readonly Piece[]): Piece[] {
  const [first, ...rest] = pieces;
  const kept = bare.get(first) ?? { ...first, text: first.text.trimStart() };
  bare.set(first, kept);
  return kept.text === "" ? rest : [kept, ...rest];
}
