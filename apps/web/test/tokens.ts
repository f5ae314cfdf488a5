import { readFileSync } from "node:fs";

const css = readFileSync(new URL("../src/styles/tokens.css", import.meta.url), "utf8");

/** The colours of tokens.css by name, as `#rrggbb`. */
export function tokensOf(scheme: "light" | "dark"): Readonly<Record<string, string>> {
  const dark = css.indexOf("(prefers-color-scheme: dark)");
  const of = (text: string) =>
    Object.fromEntries([...text.matchAll(/(--[\w-]+):\s*(#[\da-f]{6})/g)].map(([, name, value]) => [name, value]));
  const light = of(css.slice(0, dark));
  return scheme === "light" ? light : { ...light, ...of(css.slice(dark)) };
}

/** Contrast of two colours by WCAG 2.2, from 1 to 21. */
export function contrast(a: string, b: string): number {
  const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
}

function luminance(colour: string): number {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
