import type { Model, Sampling } from "../api/types.ts";
import type { Cell } from "../dom/cell.ts";
import { button, element } from "../dom/element.ts";
import { icons } from "../dom/icons.ts";
import { createModelCard } from "./model-card.ts";
import { readSettings, type SettingsText, toSampling } from "./settings.ts";
import type { Store } from "./storage.ts";

/** The panel of settings. */
export interface SettingsPanel {
  readonly root: HTMLElement;
  /** The sampling asked for; undefined, with the field shown and in focus, where one makes no sense. */
  readSampling(): Sampling | undefined;
  nextSeed(): void;
  setModels(models: readonly Model[]): void;
}

interface Field {
  readonly name: keyof SettingsText;
  readonly label: string;
  readonly hint: string;
  readonly input: Readonly<Record<string, string | number>>;
}

const fields: readonly Field[] = [
  {
    name: "temperature",
    label: "Temperature",
    hint: "How freely it chooses. 0 always takes the likeliest token; 1 follows the model's own probabilities; above that it grows wild.",
    input: { type: "range", min: 0, max: 2, step: 0.05 },
  },
  {
    name: "topP",
    label: "Top p",
    hint: "Only the likeliest tokens that together reach this probability may be drawn. 1 leaves out none.",
    input: { type: "range", min: 0.05, max: 1, step: 0.05 },
  },
  {
    name: "maxTokens",
    label: "Most tokens",
    hint: "Where a continuation ends at the latest. A token is a short word or a part of one.",
    input: { type: "number", min: 1, step: 1, inputmode: "numeric" },
  },
  {
    name: "seed",
    label: "Seed",
    hint: "The same seed, text and settings give the same continuation. Left empty, each is new.",
    input: { type: "number", step: 1, inputmode: "numeric", placeholder: "a new one each time" },
  },
];

/** Makes the panel. What is set is kept in `store`. */
export function createSettingsPanel(store: Store, model: Cell<Model | undefined>, onClose: () => void): SettingsPanel {
  const values: Record<keyof SettingsText, string> = { ...readSettings(store.read("settings")) };
  const inputs = new Map<keyof SettingsText, HTMLInputElement | HTMLTextAreaElement>();
  const errors = new Map<keyof SettingsText, HTMLElement>();
  const card = createModelCard(model);

  function addField({ name, label, hint, input: attributes }: Field): HTMLElement {
    const id = `setting-${name}`;
    const isRange = attributes["type"] === "range";
    const described = { id, name, autocomplete: "off", "aria-describedby": `${id}-error ${id}-hint` };
    const input =
      name === "stop"
        ? element("textarea", { ...described, rows: 2, spellcheck: "false" })
        : element("input", { ...described, ...attributes });
    const output = element("output", { for: id });
    const error = element("p", { class: "field-error", id: `${id}-error` });
    const show = () => {
      if (isRange) output.textContent = Number(values[name]).toFixed(2);
    };
    input.value = values[name];
    show();
    input.addEventListener("input", () => {
      // A number field hides what is no number; its own check tells.
      values[name] = input.validity.badInput ? "?" : input.value;
      show();
      check();
      store.write("settings", values);
    });
    inputs.set(name, input);
    errors.set(name, error);
    const head = element(
      "span",
      { class: "field-head" },
      element("label", { for: id }, label),
      ...(isRange ? [output] : []),
    );
    return element(
      "div",
      { class: "field" },
      head,
      input,
      error,
      element("p", { class: "hint", id: `${id}-hint` }, hint),
    );
  }

  function check(): Sampling | undefined {
    const result = toSampling(values);
    for (const [name, error] of errors) {
      const message = result.ok || result.field !== name ? "" : result.message;
      error.textContent = message;
      inputs.get(name)?.setAttribute("aria-invalid", String(message !== ""));
    }
    return result.ok ? result.sampling : undefined;
  }

  const stop: Field = {
    name: "stop",
    label: "Stop at",
    hint: "It ends before it writes any of these. One a line; \\n stands for a line break.",
    input: {},
  };
  const root = element(
    "aside",
    { class: "settings", id: "settings", "aria-label": "Settings" },
    element(
      "div",
      { class: "settings-head" },
      element("h2", {}, "Settings"),
      button("Close settings", onClose, { icon: icons.close, iconOnly: true, class: "button quiet settings-close" }),
    ),
    card.root,
    ...[...fields, stop].map(addField),
  );

  return {
    root,
    readSampling() {
      const sampling = check();
      if (sampling) return sampling;
      const result = toSampling(values);
      if (!result.ok) inputs.get(result.field)?.focus();
      return undefined;
    },
    nextSeed() {
      const input = inputs.get("seed");
      if (values.seed.trim() === "" || input === undefined) return;
      values.seed = String(Number(values.seed) + 1);
      input.value = values.seed;
      store.write("settings", values);
    },
    setModels: card.setModels,
  };
}
