import { icons } from "../dom/icons.ts";
import type { Page } from "./page.ts";

/** The app's pages, in the order of the navigation. A page is added by an entry here; the first one is the start. */
export const pages: readonly Page[] = [
  {
    id: "assistant",
    title: { en: "Assistant", zh: "诊断助手" },
    languages: ["en", "zh"],
    icon: icons.assistant,
    load: () => import("../assistant/assistant-page.ts"),
  },
  {
    id: "chat",
    title: { en: "Chat", zh: "对话" },
    languages: ["en"],
    icon: icons.chat,
    load: () => import("../chat/chat-page.ts"),
  },
];

/** The page that an address's hash names; the first one where it names none. */
export function pageOf(hash: string, from: readonly Page[] = pages): Page {
  const id = /^#\/([\w-]+)/.exec(hash)?.[1];
  return from.find((page) => page.id === id) ?? from[0];
}
