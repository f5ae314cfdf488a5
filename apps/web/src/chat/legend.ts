import { element } from "../dom/element.ts";
import type { Piece } from "../text/pieces.ts";
import { formatProbability, shadeOf } from "../text/probability.ts";

/** The key to the shades of tokens. */
export interface Legend {
  readonly root: HTMLElement;
  show(visible: boolean, pieces: readonly Piece[]): void;
}

/** Makes a {@link Legend}, hidden. */
export function createLegend(): Legend {
  const scale = element("span", { class: "legend-scale", role: "img", "aria-label": "Darker tokens were less likely" });
  for (const probability of [1, 0.5, 0.1, 0.01, 0.001]) {
    const logprob = Math.log(probability);
    const swatch = element("span", { class: "token" }, formatProbability(logprob));
    swatch.style.setProperty("--shade", String(shadeOf([{ logprob }])));
    scale.append(swatch);
  }
  const hint = element("span", {});
  const root = element("p", { class: "legend" }, scale, hint);
  root.hidden = true;
  return {
    root,
    show(visible, pieces) {
      root.hidden = !visible;
      const some = pieces.some(({ tokens }) => tokens !== undefined);
      hint.textContent = some
        ? "Choose a token to see what else could have stood there; the arrow keys move on."
        : "What the model writes from now on is shaded by how likely each token was.";
    },
  };
}
