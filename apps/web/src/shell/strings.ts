import type { Language } from "../language/language.ts";

/** The words around the pages. */
export interface ShellStrings {
  readonly skip: string;
  readonly pages: string;
  readonly loadFailed: string;
  readonly loadAdvice: string;
  readonly loadAgain: string;
}

export const shellStrings: Readonly<Record<Language, ShellStrings>> = {
  en: {
    skip: "Skip to the page",
    pages: "Pages",
    loadFailed: "This page could not be loaded.",
    loadAdvice: "Check that the server runs, then load it again.",
    loadAgain: "Load again",
  },
  zh: {
    skip: "跳到正文",
    pages: "页面",
    loadFailed: "页面未能加载。",
    loadAdvice: "请确认服务器正在运行，然后重新加载。",
    loadAgain: "重新加载",
  },
};
