/** Attributes of an element; `true` sets an empty one, `false` and undefined none. */
export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

/**
 * Builds an element. Children that are strings become text nodes, never markup, so nothing a model or a server writes can turn
 * into an element. No `style` attribute: the page's security policy refuses it.
 *
 * @example
 * element("p", { class: "hint" }, "Tokens: ", element("b", {}, "12"));
 */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children);
  return node;
}

/** A button that does `act`, with a visible label and, where `iconPath` is given, a picture before it. */
export function button(label: string, act: () => void, options: ButtonOptions = {}): HTMLButtonElement {
  const { icon: path, iconOnly, ...attributes } = options;
  const text = element("span", iconOnly ? { class: "visually-hidden" } : {}, label);
  const node = element(
    "button",
    { type: "button", class: "button", ...attributes },
    ...(path ? [icon(path)] : []),
    text,
  );
  if (iconOnly && attributes["title"] === undefined) node.title = label;
  node.addEventListener("click", act);
  return node;
}

/** How a {@link button} looks; other entries become attributes. */
export interface ButtonOptions extends Attributes {
  readonly icon?: string;
  readonly iconOnly?: boolean;
}

const svg = "http://www.w3.org/2000/svg";

/** Builds an element of a drawing. Lengths are attributes, which the page's policy lets pass where it refuses styles. */
export function drawing<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Node[]
): SVGElementTagNameMap[K] {
  const node = document.createElementNS(svg, tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children);
  return node;
}

/** A 24 × 24 line drawing from the path data of an SVG, hidden from screen readers. */
export function icon(path: string): SVGSVGElement {
  return drawing("svg", { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" }, drawing("path", { d: path }));
}
