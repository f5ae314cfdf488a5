import type { Model } from "../api/types.ts";
import type { Cell } from "../dom/cell.ts";
import { element } from "../dom/element.ts";

/** The choice of model, with what the server says of the chosen one. */
export interface ModelCard {
  readonly root: HTMLElement;
  setModels(models: readonly Model[]): void;
}

/** Makes a {@link ModelCard}. Choosing sets `model`. */
export function createModelCard(model: Cell<Model | undefined>): ModelCard {
  const select = element("select", { id: "setting-model" });
  const details = element("div", { class: "model-details" });
  let models: readonly Model[] = [];
  select.disabled = true;
  select.append(element("option", {}, "not loaded yet"));
  select.addEventListener("change", () => model.set(models.find(({ id }) => id === select.value)));
  model.watch((chosen) => details.replaceChildren(...(chosen ? describe(chosen) : [])));
  const label = element("span", { class: "field-head" }, element("label", { for: "setting-model" }, "Model"));
  return {
    root: element("div", { class: "field" }, label, select, details),
    setModels(list) {
      models = list;
      const chosen = list.find(({ id }) => id === model.get()?.id) ?? list[0];
      select.replaceChildren(...list.map(({ id }) => element("option", { value: id }, id)));
      select.disabled = list.length < 2;
      if (chosen) select.value = chosen.id;
      model.set(chosen);
    },
  };
}

function describe({ baltoro }: Model): HTMLElement[] {
  if (baltoro === undefined) return [];
  const { description, parameters, activeParameters, context, trainedOn } = baltoro;
  const facts: [string, string][] = [];
  if (parameters !== undefined) {
    const active = activeParameters === undefined || activeParameters === parameters ? undefined : activeParameters;
    facts.push(["Parameters", `${formatCount(parameters)}${active ? `, ${formatCount(active)} per token` : ""}`]);
  }
  if (context !== undefined) facts.push(["Context", `${context.toLocaleString("en")} tokens`]);
  if (trainedOn !== undefined) facts.push(["Trained on", trainedOn]);
  const list = element(
    "dl",
    {},
    ...facts.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]),
  );
  return [...(description === undefined ? [] : [element("p", {}, description)]), ...(facts.length > 0 ? [list] : [])];
}

/** 11534336 → `11.5 M`. */
export function formatCount(count: number): string {
  const units = ["", " K", " M", " B", " T"];
  let value = count;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${value >= 100 || unit === 0 ? value.toFixed(0) : value.toFixed(1)}${units[unit]}`;
}
