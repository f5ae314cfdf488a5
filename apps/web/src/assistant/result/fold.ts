import { button } from "../../dom/element.ts";

/** Hides what a list has beyond `most` behind a button that shows it. Returns the button, or nothing where all is shown. */
export function fold(rows: readonly HTMLElement[], most: number, label: (count: number) => string): HTMLElement[] {
  const rest = rows.slice(most);
  // A button in place of one row gains nothing.
  if (rest.length < 2) return [];
  for (const row of rest) row.hidden = true;
  const node = button(
    label(rest.length),
    () => {
      for (const row of rest) row.hidden = false;
      node.remove();
      rest[0].querySelector<HTMLElement>("button")?.focus();
    },
    { class: "button quiet fold" },
  );
  return [node];
}
