import type { Disease } from "@baltoro/clinic";
import { createKeyDialog } from "../chat/key-dialog.ts";
import { apiKey } from "../chat/storage.ts";
import { createCell } from "../dom/cell.ts";
import { element } from "../dom/element.ts";
import type { PageMount } from "../shell/page.ts";
import { createAssess } from "./assess.ts";
import { createCase } from "./case.ts";
import { listenForKeys } from "./keys.ts";
import type { Mode } from "./note/note-pane.ts";
import { preparePrint } from "./print/prepare-print.ts";
import { createScreen, type Screen } from "./screen.ts";
import { strings } from "./strings/index.ts";

/** The page on which an admission note becomes values, red flags and a ranked differential. */
export const mount: PageMount = (place, { language }) => {
  const patient = createCase(createAssess({ apiKey: apiKey.get }));
  const mode = createCell<Mode>("write");
  const disease = createCell<Disease | undefined>(undefined);
  const status = element("p", { class: "visually-hidden", role: "status" });
  const words = () => strings[language.get()];
  let screen: Screen | undefined;

  /** Another language draws the page anew; the note, the result and what was chosen stay, since they are kept outside. */
  language.watch(() => {
    const dialog = createKeyDialog(words().key, "assistant-api-key");
    const askKey = (message: string) => dialog.ask(message);
    screen?.leave();
    screen = createScreen({ patient, mode, disease, askKey, announce, words: words() });
    place.replaceChildren(screen.root, dialog.root, status);
    if (document.activeElement === document.body) screen.focus();
  });

  function announce(text: string): void {
    status.textContent = text;
  }

  // A note is kept nowhere: one that was written and not assessed is not left without a question.
  addEventListener("beforeunload", (event) => {
    if (patient.text.get().trim() !== "" && !patient.isCurrent()) event.preventDefault();
  });

  const isShown = () => !place.hidden && place.isConnected;
  listenForKeys(isShown, (act) => screen?.act(act));
  preparePrint(() => {
    const result = patient.result.get();
    return isShown() && result !== undefined ? { result, words: words() } : undefined;
  });
};
