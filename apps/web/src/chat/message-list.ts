import { element } from "../dom/element.ts";
import type { Turn } from "./conversation.ts";
import { createTokenText, type TokenText } from "./token-text.ts";

/** The turns of a conversation, one under another. */
export interface MessageList {
  readonly root: HTMLElement;
  /** `busy` shows that an answer is on its way. */
  show(turns: readonly Turn[], probabilities: boolean, busy: boolean): void;
}

interface Row {
  readonly root: HTMLElement;
  readonly role: Turn["role"];
  readonly text: TokenText;
}

/** Makes a {@link MessageList}, empty. */
export function createMessageList(): MessageList {
  const rows: Row[] = [];
  const list = element("ol", { class: "messages", "aria-label": "Conversation" });
  const pending = element("p", { class: "pending" }, "The model is reading…");
  const empty = element("p", { class: "empty" }, "Nothing has been said yet.");
  return {
    root: element("div", {}, empty, list, pending),
    show(turns, probabilities, busy) {
      let same = 0;
      while (same < rows.length && rows[same].role === turns[same]?.role) same++;
      for (const row of rows.splice(same)) row.root.remove();
      for (const { role } of turns.slice(rows.length)) {
        const row = createRow(role);
        rows.push(row);
        list.append(row.root);
      }
      turns.forEach(({ role, pieces }, i) => {
        rows[i].text.show(pieces, probabilities && role === "assistant");
      });
      rows.forEach(({ root }, i) => {
        root.toggleAttribute("data-writing", busy && i === rows.length - 1 && rows[i].role === "assistant");
      });
      empty.hidden = turns.length > 0;
      pending.hidden = !(busy && turns.at(-1)?.role === "user");
    },
  };
}

function createRow(role: Turn["role"]): Row {
  const text = createTokenText();
  const speaker = element("span", { class: "speaker" }, role === "user" ? "You" : "Model");
  return { root: element("li", { class: `message ${role}` }, speaker, text.root), role, text };
}
