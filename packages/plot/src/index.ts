export { type ChartFrame, type ChartSpec, lineChart, type Series } from "./chart.ts";
export {
  type Figure,
  type FigureSize,
  formatValue,
  renderFigures,
  renderPage,
  renderRecord,
  renderStack,
  renderTable,
  renderTiles,
  type StackPart,
  type Tile,
} from "./page.ts";
export { chartPicture } from "./picture.ts";
export { finiteValues, median, type Point, smooth, smoothingWidth, thin } from "./series.ts";
export { chartStyle, type Theme, themeVariables } from "./style.ts";
export { escapeText } from "./text.ts";
export { linearTicks, logTicks, niceDomain, type Ticks } from "./ticks.ts";
export { compactNumber, duration, groupedInteger, rate } from "./units.ts";
