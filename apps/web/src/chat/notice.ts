import { explain, type Problem } from "../api/problem.ts";
import { button, element, icon } from "../dom/element.ts";
import { icons } from "../dom/icons.ts";

/** The place where a page tells of a problem, and offers to try again. */
export interface Notice {
  readonly root: HTMLElement;
  show(problem: Problem, again: () => void, label?: string): void;
  clear(): void;
}

/** Makes a {@link Notice}, empty. Screen readers hear of a problem when it is shown. */
export function createNotice(): Notice {
  const root = element("div", { class: "notice-place", role: "alert" });
  let timer: ReturnType<typeof setInterval> | undefined;

  function clear(): void {
    clearInterval(timer);
    root.replaceChildren();
  }

  return {
    root,
    clear,
    show(problem, again, label = problem.kind === "unauthorized" ? "Enter key" : "Try again") {
      clear();
      const { title, advice } = explain(problem);
      const retry = button(label, () => {
        clear();
        again();
      });
      const dismiss = button("Dismiss", clear, { icon: icons.close, iconOnly: true, class: "button quiet" });
      const text = element("div", { class: "notice-text" }, element("b", {}, title), " ", advice);
      root.append(element("div", { class: "notice" }, icon(icons.warn), text, retry, dismiss));
      if (problem.retryAfter) timer = countDown(retry, label, problem.retryAfter);
    },
  };
}

/** Holds a button back for some seconds and shows how many are left. */
function countDown(node: HTMLButtonElement, label: string, seconds: number): ReturnType<typeof setInterval> {
  const end = Date.now() + seconds * 1000;
  const text = node.querySelector("span") ?? node;
  const tick = () => {
    const left = Math.ceil((end - Date.now()) / 1000);
    node.disabled = left > 0;
    text.textContent = left > 0 ? `${label} in ${left} s` : label;
    if (left <= 0) clearInterval(timer);
  };
  const timer = setInterval(tick, 250);
  tick();
  return timer;
}
