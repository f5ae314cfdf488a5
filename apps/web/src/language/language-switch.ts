import type { Cell } from "../dom/cell.ts";
import { element } from "../dom/element.ts";
import { type Language, languageTags } from "./language.ts";

/** Each language by its own name, so that it is found by those who read no other. */
const names: readonly (readonly [Language, string])[] = [
  ["en", "English"],
  ["zh", "中文"],
];

/** Makes the choice between the languages: radio buttons, dressed as one bar. */
export function createLanguageSwitch(chosen: Cell<Language>): HTMLElement {
  const inputs = names.map(([language, name]) => {
    const input = element("input", { type: "radio", name: "language", value: language });
    input.addEventListener("change", () => chosen.set(language));
    return {
      language,
      input,
      label: element("label", { lang: languageTags[language] }, input, element("span", {}, name)),
    };
  });
  chosen.watch((now) => {
    for (const { language, input } of inputs) input.checked = language === now;
  });
  const legend = element("legend", { class: "visually-hidden" }, "Language · 语言");
  return element("fieldset", { class: "segments language-switch" }, legend, ...inputs.map(({ label }) => label));
}
