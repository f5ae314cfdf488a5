import { createClient } from "../api/client.ts";
import { Problem } from "../api/problem.ts";
import type { Model } from "../api/types.ts";
import { createCell } from "../dom/cell.ts";
import { button, element } from "../dom/element.ts";
import { icons } from "../dom/icons.ts";
import type { PageMount } from "../shell/page.ts";
import { createChatView } from "./chat-view.ts";
import { createCompleteView } from "./complete-view.ts";
import { createKeyDialog } from "./key-dialog.ts";
import { createModePicker, type Mode } from "./mode-picker.ts";
import { createNotice } from "./notice.ts";
import type { Session } from "./session.ts";
import { createSettingsPanel } from "./settings-panel.ts";
import { apiKey, localStore } from "./storage.ts";

/** The page on which a person writes with the model, in one text or in a conversation. */
export const mount: PageMount = (place) => {
  const store = localStore();
  const model = createCell<Model | undefined>(undefined);
  const probabilities = createCell(store.read("probabilities") === true);
  const mode = createCell<Mode>(store.read("mode") === "chat" ? "chat" : "complete");
  const dialog = createKeyDialog();
  const status = element("p", { class: "visually-hidden", role: "status" });
  const notice = createNotice();

  const page = element("div", { class: "chat-page" });
  const toggle = button("Settings", () => setOpen(!page.hasAttribute("data-settings")), {
    icon: icons.tune,
    class: "button quiet settings-toggle",
    "aria-controls": "settings",
    "aria-expanded": "false",
  });
  const settings = createSettingsPanel(store, model, () => setOpen(false));
  function setOpen(open: boolean): void {
    page.toggleAttribute("data-settings", open);
    toggle.setAttribute("aria-expanded", String(open));
    if (!open && settings.root.contains(document.activeElement)) toggle.focus();
  }

  const client = createClient({ apiKey: apiKey.get });
  const session: Session = {
    client,
    store,
    model,
    probabilities,
    readSampling() {
      const sampling = settings.readSampling();
      if (sampling) return sampling;
      setOpen(true);
      return settings.readSampling();
    },
    nextSeed: settings.nextSeed,
    async loadModels() {
      const models = await client.models();
      if (models.length === 0) throw new Problem("malformed", "the server lists no model");
      settings.setModels(models);
    },
    askKey: (message) => dialog.ask(message),
    announce(text) {
      status.textContent = text;
    },
  };

  const views = { complete: createCompleteView(session), chat: createChatView(session) };
  const picker = createModePicker(mode);
  const shade = element("input", { type: "checkbox", role: "switch", id: "probabilities" });
  shade.checked = probabilities.get();
  shade.addEventListener("change", () => {
    probabilities.set(shade.checked);
    store.write("probabilities", shade.checked);
  });
  const shadeSwitch = element("label", { class: "switch" }, shade, element("span", {}, "Probabilities"));
  const toolbar = element("div", { class: "toolbar" }, picker, shadeSwitch, toggle);
  const main = element("div", { class: "workspace" }, toolbar, notice.root, views.complete.root, views.chat.root);
  page.append(main, settings.root, dialog.root, status);
  page.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && page.hasAttribute("data-settings") && !dialog.root.open) setOpen(false);
  });
  place.append(page);

  let begun = false;
  mode.watch((chosen) => {
    views.complete.root.hidden = chosen !== "complete";
    views.chat.root.hidden = chosen !== "chat";
    store.write("mode", chosen);
    if (!begun && matchMedia("(pointer: fine)").matches) views[chosen].focus();
    begun = true;
  });

  async function loadModels(): Promise<void> {
    try {
      await session.loadModels();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (error.kind === "unauthorized" && (await dialog.ask(error.message))) return loadModels();
      notice.show(error, () => void loadModels());
    }
  }
  model.watch((chosen) => {
    if (chosen) notice.clear();
  });
  void loadModels();
};
