import { type ChartSpec, lineChart } from "./chart.ts";
import { chartStyle, type Theme, themeVariables } from "./style.ts";

/** Margin around the chart, px. */
const [marginX, marginY] = [18, 14];

/**
 * A chart as an SVG file, with colours, fonts and paper of its own; `width` and `height` are the picture's.
 *
 * @param theme - Default "light": a picture in a document cannot know what stands around it.
 */
export function chartPicture(spec: ChartSpec, theme: Theme = "light"): string {
  const { width, height } = spec;
  const svg = lineChart({ ...spec, width: width - 2 * marginX, height: height - 2 * marginY });
  const paper = `<rect x="${-marginX}" y="${-marginY}" width="${width}" height="${height}" fill="#fff" style="fill:var(--paper)"/>`;
  const style = `<style>${themeVariables("svg", theme)}${chartStyle}</style>`;
  return `${svg
    .replace(
      /viewBox="[^"]*" width="\d+" height="\d+"/,
      `viewBox="${-marginX} ${-marginY} ${width} ${height}" width="${width}" height="${height}"`,
    )
    .replace(">", () => `>${style}${paper}`)}\n`;
}
