import type { Language } from "@baltoro/clinic";
import { localStore } from "../chat/storage.ts";
import { type Cell, createCell } from "../dom/cell.ts";

export type { Language };

/** BCP 47 tags for `lang` attributes: fonts and voices are chosen by them. */
export const languageTags: Readonly<Record<Language, string>> = { en: "en", zh: "zh-Hans" };

const name = "language";

/** The language of the interface: what was chosen here before, else the browser's first that there is. Changes are remembered. */
export function openLanguage(preferred: readonly string[] = navigator.languages): Cell<Language> {
  const store = localStore();
  const kept = store.read(name);
  const cell = createCell<Language>(kept === "en" || kept === "zh" ? kept : languageOf(preferred));
  let first = true;
  cell.watch((language) => {
    if (!first) store.write(name, language);
    first = false;
  });
  return cell;
}

/** The first of a person's languages that the interface has; English where it has none. */
export function languageOf(preferred: readonly string[]): Language {
  const known = preferred.map((tag) => /^(en|zh)\b/i.exec(tag)?.[1].toLowerCase()).find((tag) => tag !== undefined);
  return known === "zh" ? "zh" : "en";
}
