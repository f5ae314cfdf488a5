import type { ChatMessage } from "@baltoro/k2";

/** Where the next speaker would begin, and the answer therefore ends. */
export const plainChatStops = ["\n\nUser:", "\n\nAssistant:"];

/** A conversation as a text to continue, for a model that never saw a chat template's special tokens. */
export function renderPlainChat(messages: readonly ChatMessage[]): string {
  const speakers = { system: "", user: "User: ", assistant: "Assistant: ", tool: "Tool: " };
  const turns = messages.map(({ role, content }) => `${speakers[role]}${content.trim()}`);
  return [...turns, "Assistant:"].join("\n\n");
}
