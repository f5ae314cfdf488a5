import { element } from "../../dom/element.ts";
import { ageMonths, type Case } from "../case.ts";
import type { Strings } from "../strings/index.ts";

/** Where an age is entered that the note does not say. */
export interface AgeEntry {
  readonly root: HTMLElement;
  focus(): void;
  /** Takes the fields from the case. */
  show(): void;
  /** Whether an age or nothing was entered; else says so and takes the focus. */
  check(): boolean;
}

/** Makes an {@link AgeEntry}. */
export function createAgeFields(patient: Case, { note: words }: Strings): AgeEntry {
  const field = (name: string, label: string) =>
    element("input", {
      id: `assistant-${name}`,
      class: "age-field",
      inputmode: "numeric",
      autocomplete: "off",
      maxlength: 4,
      "aria-label": label,
      "aria-describedby": "assistant-age-error",
    });
  const years = field("years", words.years);
  const months = field("months", words.months);
  const error = element("span", { id: "assistant-age-error", class: "field-error", role: "alert" });
  const valid = () => ageMonths({ years: years.value, months: months.value }) !== "bad";

  function mark(): boolean {
    const good = valid();
    for (const input of [years, months]) input.setAttribute("aria-invalid", String(!good));
    error.textContent = good ? "" : words.badAge;
    return good;
  }

  const root = element(
    "fieldset",
    { class: "age" },
    element("legend", {}, words.age),
    element("span", { class: "age-pair" }, years, element("label", { for: years.id }, words.years)),
    element("span", { class: "age-pair" }, months, element("label", { for: months.id }, words.months)),
    error,
  );
  root.addEventListener("input", () => {
    patient.age.set({ years: years.value, months: months.value });
    if (error.textContent !== "") mark();
  });
  root.addEventListener("change", mark);
  return {
    root,
    focus: () => years.focus(),
    show() {
      const age = patient.age.get();
      if (years.value !== age.years) years.value = age.years;
      if (months.value !== age.months) months.value = age.months;
    },
    check() {
      const good = mark();
      if (!good) years.focus();
      return good;
    },
  };
}
