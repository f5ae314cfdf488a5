import type { Tokenizer } from "./tokenizer.ts";

/** One message of a conversation. */
export interface ChatMessage {
  readonly role: "system" | "user" | "assistant" | "tool";
  readonly content: string;
  /** Shown instead of the role; for a tool's result, the tool's name. */
  readonly name?: string;
  /** Of an assistant's message. */
  readonly toolCalls?: readonly { readonly id: string; readonly arguments: string }[];
  /** Of a tool's message: which call it answers. */
  readonly toolCallId?: string;
}

/** Options of {@link renderChat}. */
export interface ChatOptions {
  /** Tool declarations, rendered as compact JSON. */
  readonly tools?: readonly unknown[];
  /** End with the opening of the assistant's turn (default true). */
  readonly addGenerationPrompt?: boolean;
}

const defaultSystem = "You are Kimi, an AI assistant created by Moonshot AI.";

/**
 * Ids of a conversation in K2's chat format. Special ids come from the template alone: what messages say is encoded as text,
 * whatever it looks like.
 *
 * @throws on an unknown role.
 */
export function renderChat(
  tokenizer: Tokenizer,
  messages: readonly ChatMessage[],
  options: ChatOptions = {},
): number[] {
  const { tools = [], addGenerationPrompt = true } = options;
  const ids: number[] = [];
  const special = (name: string) => ids.push(tokenizer.special(name));
  const text = (content: string) => ids.push(...tokenizer.encode(content));
  const open = (role: string, name: string) => {
    special(`<|im_${role}|>`);
    text(name);
    special("<|im_middle|>");
  };
  if (tools.length > 0) {
    open("system", "tool_declare");
    text(JSON.stringify(tools));
    special("<|im_end|>");
  }
  if (messages[0]?.role !== "system") {
    open("system", "system");
    text(defaultSystem);
    special("<|im_end|>");
  }
  for (const message of messages) {
    switch (message.role) {
      case "system":
      case "user":
      case "assistant":
        open(message.role, message.name ?? message.role);
        text(message.content);
        break;
      case "tool":
        open("system", message.name ?? "tool");
        text(`## Return of ${message.toolCallId ?? ""}\n${message.content}`);
        break;
      default:
        throw new Error(
          `chat: unknown role ${JSON.stringify((message as { role: unknown }).role)}; there are system, user, assistant, tool`,
        );
    }
    if (message.toolCalls && message.toolCalls.length > 0) {
      special("<|tool_calls_section_begin|>");
      for (const call of message.toolCalls) {
        special("<|tool_call_begin|>");
        text(call.id);
        special("<|tool_call_argument_begin|>");
        text(call.arguments);
        special("<|tool_call_end|>");
      }
      special("<|tool_calls_section_end|>");
    }
    special("<|im_end|>");
  }
  if (addGenerationPrompt) open("assistant", "assistant");
  return ids;
}
