import type { Model } from "../api/types.ts";
import { element } from "../dom/element.ts";
import { perplexityOf } from "../text/probability.ts";
import type { Progress } from "./generation.ts";

/** The line of figures under a generation. */
export interface Stats {
  readonly root: HTMLElement;
  show(progress: Progress, model: Model | undefined): void;
  clear(): void;
}

/** Makes a {@link Stats}, empty. */
export function createStats(): Stats {
  const root = element("dl", { class: "stats", "aria-label": "Figures of the last generation" });
  let timer: ReturnType<typeof setInterval> | undefined;
  const stop = () => {
    clearInterval(timer);
    timer = undefined;
  };
  return {
    root,
    show(progress, model) {
      if (progress.state !== "waiting") {
        stop();
        root.replaceChildren(...figuresOf(progress, model?.baltoro?.context).map(toElement));
      } else if (timer === undefined) {
        const start = performance.now();
        const tick = () => {
          const seconds = (performance.now() - start) / 1000;
          root.replaceChildren(toElement(["Waiting for the first token", `${seconds.toFixed(1)} s`, ""]));
        };
        timer = setInterval(tick, 100);
        tick();
      }
    },
    clear() {
      stop();
      root.replaceChildren();
    },
  };
}

type Figure = readonly [name: string, value: string, meaning: string];

function toElement([name, value, meaning]: Figure): HTMLElement {
  return element("div", { title: meaning || undefined }, element("dt", {}, name), element("dd", {}, value));
}

/** The figures that a progress has. */
export function figuresOf(progress: Progress, context: number | undefined): Figure[] {
  const { promptTokens, completionTokens, timeToFirstToken, tokensPerSecond, tokens, finish, state } = progress;
  const figures: Figure[] = [];
  if (tokensPerSecond !== undefined) {
    figures.push([
      "Speed",
      `${tokensPerSecond.toFixed(tokensPerSecond < 10 ? 1 : 0)} tokens/s`,
      "Tokens after the first",
    ]);
  }
  if (timeToFirstToken !== undefined) {
    const time =
      timeToFirstToken < 1 ? `${Math.round(timeToFirstToken * 1000)} ms` : `${timeToFirstToken.toFixed(1)} s`;
    figures.push(["First token", time, "Time from the request to the first token"]);
  }
  if (promptTokens === undefined) figures.push(["Written", `${completionTokens} tokens`, "Tokens generated"]);
  else {
    const share = context === undefined ? "" : ` of ${context}`;
    const meaning = "Tokens read and written, of those that the model can see at once";
    figures.push(["Tokens", `${promptTokens} + ${completionTokens}${share}`, meaning]);
  }
  const perplexity = perplexityOf(tokens);
  if (perplexity !== undefined) {
    const meaning = "Between how many equally likely tokens the model was choosing, on average";
    figures.push(["Perplexity", perplexity.toFixed(perplexity < 100 ? 1 : 0), meaning]);
  }
  const ended = state === "stopped" ? "by you" : finish === undefined ? undefined : endings[finish];
  if (state !== "streaming" && ended !== undefined) figures.push(["Ended", ended, ""]);
  return figures;
}

const endings: Readonly<Record<string, string>> = { stop: "by itself", length: "at the limit" };
