import { formatLogLine, formatProgress, type ProgressState } from "./format.ts";

/** A display of a run. */
export interface Progress {
  /** Shows the state, at most ten times a second on a terminal and every `everySeconds` elsewhere. */
  update(state: Omit<ProgressState, "elapsed" | "remaining">): void;
  /** Prints a line above the display. */
  log(line: string): void;
  /** Shows the last state and leaves it standing. Nothing is shown after it. */
  finish(): void;
}

/** Where the display goes: `process.stdout` is one. */
export interface ProgressStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** Options of {@link createProgress}. */
export interface ProgressOptions {
  readonly stream?: ProgressStream;
  /** Seconds between lines where the stream is no terminal. Default 10. */
  readonly everySeconds?: number;
  /** Default: the process's own. NO_COLOR, TERM and the locale are looked at. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Milliseconds of a steady clock. */
  readonly now?: () => number;
}

const secondsBetweenDraws = 0.1;

/**
 * A progress display for the training loop. A frame is one write that overwrites the one before, so nothing flickers.
 *
 * @example
 * const progress = createProgress();
 * progress.update({ step: 1, steps: 100, loss: 8.3, tokensPerSecond: 1200 });
 * progress.finish();
 */
export function createProgress(options: ProgressOptions = {}): Progress {
  const {
    stream = process.stdout,
    everySeconds = 10,
    environment = process.env,
    now = () => performance.now(),
  } = options;
  const terminal = stream.isTTY === true && environment.TERM !== "dumb";
  const style = terminalStyle(environment);
  const pace = remainingTime(now);
  const started = now();
  let state: ProgressState | null = null;
  let drawn = false;
  let drawnAt = Number.NEGATIVE_INFINITY;
  let loggedStep = -1;
  let finished = false;

  function draw(): void {
    if (!state) return;
    drawnAt = now();
    if (!terminal) {
      if (state.step !== loggedStep) stream.write(`${formatLogLine(state)}\n`);
      loggedStep = state.step;
      return;
    }
    const [bar, figures] = formatProgress(state, { ...style, columns: stream.columns ?? 80 });
    // Each line is written over the old one and then cleared to its end.
    stream.write(`${drawn ? "\x1b[1A\r" : ""}${bar}\x1b[K\n${figures}\x1b[K`);
    drawn = true;
  }

  return {
    update(next) {
      if (finished) return;
      const remaining = pace(next.step, next.steps);
      state = { ...next, elapsed: (now() - started) / 1000, ...(remaining === undefined ? {} : { remaining }) };
      const every = terminal ? secondsBetweenDraws : everySeconds;
      if (now() - drawnAt >= every * 1000) draw();
    },
    log(line) {
      if (!drawn || finished) {
        stream.write(`${line}\n`);
        return;
      }
      stream.write(`\x1b[1A\r\x1b[J${line}\n`);
      drawn = false;
      draw();
    },
    finish() {
      if (finished) return;
      if (state) draw();
      if (drawn) stream.write("\n");
      finished = true;
    },
  };
}

/** Seconds to the end by the pace of the last minute or so: the first steps are slower, and the pace may change. */
function remainingTime(now: () => number): (step: number, steps: number) => number | undefined {
  const seen: { step: number; at: number }[] = [];
  return (step, steps) => {
    const last = seen.at(-1);
    if (!last || step > last.step) seen.push({ step, at: now() });
    while (seen.length > 12 && now() - seen[1].at > 60_000) seen.shift();
    const [first, latest] = [seen[0], seen[seen.length - 1]];
    if (latest.step === first.step) return undefined;
    return (((latest.at - first.at) / (latest.step - first.step)) * (steps - latest.step)) / 1000;
  };
}

/** What the terminal can show, by NO_COLOR, TERM and the locale. */
export function terminalStyle(environment: Readonly<Record<string, string | undefined>>): {
  color: boolean;
  unicode: boolean;
} {
  return { color: useColor(environment), unicode: usesUnicode(environment) };
}

/** no-color.org: any value that is not empty. */
function useColor(environment: Readonly<Record<string, string | undefined>>): boolean {
  if (environment.NO_COLOR) return false;
  return environment.TERM !== "dumb";
}

function usesUnicode(environment: Readonly<Record<string, string | undefined>>): boolean {
  const locale = environment.LC_ALL || environment.LC_CTYPE || environment.LANG;
  if (environment.TERM === "linux") return false;
  // Without a locale (containers) terminals are UTF-8 all the same.
  return locale === undefined || locale === "" || !/^(C|POSIX)$/.test(locale);
}
