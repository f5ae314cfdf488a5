import { duration } from "@baltoro/plot";
import { drawBar, type ProgressStream, terminalStyle } from "@baltoro/training";

/** How far a simulation is. */
export interface VirtualState {
  readonly atMs: number;
  readonly spanMs: number;
  readonly finished: number;
  readonly total: number;
}

export interface VirtualProgress {
  update(state: VirtualState): void;
  /** Takes the display away. */
  clear(): void;
}

/** Shows virtual time as a bar of one line on a terminal, ten times a second at most; nothing elsewhere. */
export function virtualProgress(
  label: string,
  stream: ProgressStream = process.stderr,
  now: () => number = () => performance.now(),
): VirtualProgress {
  if (stream.isTTY !== true || process.env["TERM"] === "dumb") return { update() {}, clear() {} };
  const { unicode, color } = terminalStyle(process.env);
  const started = now();
  let drawnAt = Number.NEGATIVE_INFINITY;
  return {
    update(state) {
      if (now() - drawnAt < 100) return;
      drawnAt = now();
      stream.write(
        `\r${progressLine(label, state, now() - started, { columns: stream.columns ?? 80, unicode, color })}\x1b[K`,
      );
    },
    clear() {
      if (drawnAt > Number.NEGATIVE_INFINITY) stream.write("\r\x1b[K");
    },
  };
}

/** One line, never longer than the terminal: what does not fit is left out from the right. */
export function progressLine(
  label: string,
  { atMs, spanMs, finished, total }: VirtualState,
  wallMs: number,
  { columns, unicode, color }: { columns: number; unicode: boolean; color: boolean },
): string {
  const width = Math.max(20, columns - 1);
  // After the last arrival what is left is what runs still: the bar waits for it.
  const fraction = spanMs > 0 ? Math.min(0.999, atMs / spanMs) : 0;
  const percent = `${(100 * fraction).toFixed(1)}%`.padStart(6);
  const speed = wallMs > 0 ? atMs / wallMs : 0;
  const left = fraction > 0.01 ? duration((wallMs / fraction - wallMs) / 1000) : unicode ? "…" : "?";
  const texts = [
    `${duration(atMs / 1000)} of ${duration(spanMs / 1000)}`,
    `${finished.toLocaleString("en")}/${total.toLocaleString("en")} requests`,
    `${Math.round(speed).toLocaleString("en")}${unicode ? "×" : "x"}`,
    `eta ${left}`,
  ];
  const head = label === "" ? "" : `${label}  `;
  while (texts.length > 0 && head.length + percent.length + texts.join("  ").length + 4 + 12 > width) texts.pop();
  const tail = `${percent}  ${texts.join("  ")}`;
  const cyan = (text: string) => (color && text !== "" ? `\x1b[36m${text}\x1b[0m` : text);
  const grey = (text: string) => (color && text !== "" ? `\x1b[90m${text}\x1b[0m` : text);
  const cells = Math.max(4, width - head.length - tail.length - 1);
  return `${head}${drawBar(fraction, cells, unicode, { done: cyan, rest: grey })} ${tail}`;
}
