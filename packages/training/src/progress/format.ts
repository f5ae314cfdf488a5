import { compactNumber, duration, groupedInteger, rate } from "@baltoro/plot";

/** What the display shows. A number that is not known yet is left out. */
export interface ProgressState {
  /** Steps taken, of `steps`. */
  readonly step: number;
  readonly steps: number;
  /** Seconds since this process began to train. */
  readonly elapsed: number;
  /** Seconds to the end. */
  readonly remaining?: number;
  readonly loss?: number;
  readonly valLoss?: number;
  readonly tokensPerSecond?: number;
  /** Model FLOPs utilization: the share of the device's peak that the model's own FLOPs are. */
  readonly utilization?: number;
  readonly learningRate?: number;
  readonly maxLogit?: number;
}

/** How the terminal is. */
export interface ProgressStyle {
  readonly columns: number;
  readonly color: boolean;
  /** Without, plain ASCII. */
  readonly unicode: boolean;
}

/** Cells below which a bar says too little. */
const shortestBar = 12;

type Paint = (text: string) => string;
interface Palette {
  readonly done: Paint;
  readonly rest: Paint;
  readonly label: Paint;
  readonly value: Paint;
}

const sgr =
  (code: string): Paint =>
  (text) =>
    text === "" ? "" : `\x1b[${code}m${text}\x1b[0m`;
const colored: Palette = { done: sgr("36"), rest: sgr("90"), label: sgr("2"), value: sgr("1") };
const same: Paint = (text) => text;
const plain: Palette = { done: same, rest: same, label: same, value: same };

/**
 * Two lines: a bar with steps and remaining time, and the figures of the last step. What does not fit is left out, the least
 * important first; no line is longer than the terminal.
 */
export function formatProgress(state: ProgressState, style: ProgressStyle): [string, string] {
  // The last column stays empty: some terminals wrap when it is written.
  const width = Math.max(style.columns - 1, 11);
  const palette = style.color ? colored : plain;
  return [barLine(state, style, width, palette), figureLine(state, style, width, palette)];
}

function barLine(
  { step, steps, remaining, elapsed }: ProgressState,
  style: ProgressStyle,
  width: number,
  palette: Palette,
): string {
  const fraction = steps > 0 ? Math.min(Math.max(step / steps, 0), 1) : 0;
  const finished = step >= steps;
  // Never 100 % before the end.
  const percent = `${finished ? "100" : (Math.floor(fraction * 1000) / 10).toFixed(1)}%`.padStart(5);
  const time = finished ? `took ${duration(elapsed)}` : `eta ${remaining === undefined ? "…" : duration(remaining)}`;
  const total = groupedInteger(steps);
  const count = `${groupedInteger(step).padStart(total.length)}/${total}`;
  const clock = style.unicode ? time : time.replace("…", "?").replace("–", "-");

  const counted = `step ${count}  `;
  // The clock keeps its place while its text changes: the bar would jiggle.
  const clocked = `  ${clock.padEnd(12)}`;
  const fits = (...parts: string[]) => width - percent.length - 1 - parts.join("").length >= shortestBar;
  const left = fits(counted) ? counted : "";
  const right = fits(left, clocked) ? clocked : "";
  const bar = drawBar(fraction, width - left.length - right.length - percent.length - 1, style.unicode, palette);
  const paintedLeft = left && `${palette.label("step")} ${palette.value(count)}  `;
  return `${paintedLeft}${bar} ${palette.value(percent)}${palette.label(right.trimEnd())}`;
}

/** A bar of `width` cells of which a fraction is done; half cells where there is Unicode. */
export function drawBar(
  fraction: number,
  width: number,
  unicode: boolean,
  palette: Pick<Palette, "done" | "rest"> = plain,
): string {
  if (!unicode) {
    const inner = width - 2;
    const done = Math.floor(fraction * inner);
    const head = done < inner ? ">" : "";
    return `[${palette.done("=".repeat(done))}${palette.done(head)}${palette.rest(".".repeat(inner - done - head.length))}]`;
  }
  // Half cells: ╸ is the left half of ━.
  const halves = Math.floor(fraction * width * 2);
  const full = halves >> 1;
  const half = halves % 2 === 1;
  return `${palette.done("━".repeat(full) + (half ? "╸" : ""))}${palette.rest("─".repeat(width - full - (half ? 1 : 0)))}`;
}

function figureLine(state: ProgressState, style: ProgressStyle, width: number, palette: Palette): string {
  const fixed = (value: number | undefined) =>
    value === undefined ? undefined : Number.isFinite(value) ? value.toFixed(3) : String(value);
  const when = <T>(value: T | undefined, text: (value: T) => string) => (value === undefined ? undefined : text(value));
  // In the order of their importance; shown in the order of `place`.
  const figures = [
    { place: 0, label: "loss", value: fixed(state.loss) },
    { place: 2, label: "tok/s", value: when(state.tokensPerSecond, compactNumber), after: true },
    { place: 2.5, label: "MFU", value: when(state.utilization, (value) => `${(100 * value).toFixed(1)}%`) },
    { place: 3, label: "lr", value: when(state.learningRate, rate) },
    { place: 4, label: "max logit", value: when(state.maxLogit, (value) => value.toFixed(1)) },
    { place: 5, label: "elapsed", value: state.step >= state.steps ? undefined : duration(state.elapsed) },
    { place: 1, label: "val", value: fixed(state.valLoss) },
  ];
  const separator = style.unicode ? " · " : " | ";
  const shown: { place: number; text: string }[] = [];
  let used = 0;
  for (const { place, label, value, after } of figures) {
    if (value === undefined) continue;
    const length = label.length + 1 + value.length;
    const more = length + (shown.length > 0 ? separator.length : 0);
    if (used + more > width) continue;
    used += more;
    const [l, v] = [palette.label(label), palette.value(value)];
    shown.push({ place, text: after ? `${v} ${l}` : `${l} ${v}` });
  }
  const line = shown
    .sort((a, b) => a.place - b.place)
    .map(({ text }) => text)
    .join(palette.label(separator));
  return style.unicode ? line : line.replaceAll("–", "-");
}

/** One line for a log: everything, without a bar. */
export function formatLogLine(state: ProgressState): string {
  const wide: ProgressStyle = { columns: 400, color: false, unicode: true };
  const percent = state.steps > 0 ? ((100 * state.step) / state.steps).toFixed(1) : "0.0";
  const eta = state.step >= state.steps || state.remaining === undefined ? "" : ` · eta ${duration(state.remaining)}`;
  const head = `step ${groupedInteger(state.step)}/${groupedInteger(state.steps)} (${percent}%)`;
  return [head, figureLine(state, wide, 400, plain)].filter((part) => part !== "").join(" · ") + eta;
}
