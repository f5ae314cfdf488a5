import type { Problem } from "../api/problem.ts";
import { button, element, icon } from "../dom/element.ts";
import { icons } from "../dom/icons.ts";
import { problemName } from "./problems.ts";
import type { Strings } from "./strings/index.ts";

/** Where the page tells what went wrong and what to do. */
export interface ProblemNotice {
  readonly root: HTMLElement;
  show(problem: Problem | undefined): void;
}

/** Makes a {@link ProblemNotice}. A busy server's wait is counted down on the button. */
export function createProblemNotice(
  words: Strings,
  again: (problem: Problem) => void,
  dismiss: () => void,
): ProblemNotice {
  const { problems } = words;
  const root = element("div", { class: "problem", role: "alert" });
  let timer: ReturnType<typeof setInterval> | undefined;
  return {
    root,
    show(problem) {
      clearInterval(timer);
      root.replaceChildren();
      if (problem === undefined) return;
      const name = problemName(problem);
      const label = name === "unauthorized" ? words.key.enter : problems.again;
      const retry = button(label, () => again(problem));
      // The server's own words help who runs it; they are shown as text, whatever they hold.
      const detail = ["rejected", "server", "notInstalled", "malformed"].includes(name) ? ` (${problem.message})` : "";
      const text = element(
        "div",
        { class: "notice-text" },
        element("b", {}, problems[name].title),
        ` ${problems[name].advice} ${problems.kept}`,
        element("span", { class: "hint" }, detail),
      );
      const close = button(problems.dismiss, dismiss, { icon: icons.close, iconOnly: true, class: "button quiet" });
      root.append(element("div", { class: "notice", "data-problem": name }, icon(icons.warn), text, retry, close));
      // Other failures may end sooner than the server guesses: whoever mends them wants to try at once.
      if (!["busy", "notReady"].includes(name) || !problem.retryAfter) return;
      const end = Date.now() + problem.retryAfter * 1000;
      const tick = () => {
        const left = Math.ceil((end - Date.now()) / 1000);
        retry.disabled = left > 0;
        retry.textContent = left > 0 ? problems.againIn(label, left) : label;
        if (left <= 0) clearInterval(timer);
      };
      timer = setInterval(tick, 250);
      tick();
    },
  };
}
