import { button, element } from "../dom/element.ts";

/** Openings offered where there is no text yet, in the manner of the books that the small models were trained on. */
const openings = [
  "It was a dark and stormy night when the old captain",
  "“My dear fellow,” said he, “you have been",
  "CHAPTER I.\n\nOn the morning of the third of June, we",
  "The history of the glacier begins with",
];

/** Makes the offer of openings; choosing one calls `onStart`. */
export function createStarts(onStart: (text: string) => void): { readonly root: HTMLElement } {
  const offers = openings.map((text) =>
    button(`${text.replace(/\s+/g, " ")}…`, () => onStart(text), { class: "start" }),
  );
  const heading = element("p", { class: "hint" }, "Or begin with");
  return { root: element("div", { class: "starts" }, heading, ...offers) };
}
