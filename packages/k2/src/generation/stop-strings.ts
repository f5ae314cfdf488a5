/** What is left to show after a piece of text passed a {@link StopMatcher}. */
export interface StopResult {
  /** Text that can no longer become part of a stop string. */
  readonly text: string;
  /** A stop string was met; what follows it is dropped. */
  readonly stopped: boolean;
}

/** Watches a stream of text for stop strings, also where they are spread over several pieces. */
export interface StopMatcher {
  push(piece: string): StopResult;
  /** Text held back that turned out to be no stop string. */
  flush(): string;
}

/** Holds text back only as long as it may be the start of one of `stops`. Empty strings are ignored. */
export function createStopMatcher(stops: readonly string[]): StopMatcher {
  const wanted = stops.filter((stop) => stop.length > 0);
  const longest = Math.max(0, ...wanted.map((stop) => stop.length));
  let held = "";
  let stopped = false;
  return {
    push(piece) {
      if (stopped) return { text: "", stopped };
      held += piece;
      // The string that is complete first ends the text, however the text was cut into pieces.
      const [first] = wanted
        .map((stop) => ({ start: held.indexOf(stop), end: held.indexOf(stop) + stop.length }))
        .filter(({ start }) => start >= 0)
        .sort((a, b) => a.end - b.end || a.start - b.start);
      if (first) {
        const text = held.slice(0, first.start);
        held = "";
        stopped = true;
        return { text, stopped };
      }
      let keep = Math.min(longest - 1, held.length);
      while (keep > 0 && !wanted.some((stop) => stop.startsWith(held.slice(held.length - keep)))) keep--;
      const text = held.slice(0, held.length - Math.max(keep, 0));
      held = held.slice(text.length);
      return { text, stopped };
    },
    flush() {
      const text = held;
      held = "";
      return text;
    },
  };
}
