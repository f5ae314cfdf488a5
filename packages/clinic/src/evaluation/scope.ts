import { shareInterval } from "./conformal.ts";

/** How often a rule of scope is wrong, with 95 % intervals (Clopper–Pearson). */
export interface FalseScopeRates {
  /** Of notes that are inside, the share called outside. */
  readonly falselyOutside: {
    readonly share: number;
    readonly notes: number;
    readonly interval: readonly [number, number];
  };
  /** Of notes that are outside, the share called inside. */
  readonly falselyInside: {
    readonly share: number;
    readonly notes: number;
    readonly interval: readonly [number, number];
  };
}

/** @param truth whether each note is inside the scope; @param said what the rule says of it */
export function falseScopeRates(truth: readonly boolean[], said: readonly boolean[]): FalseScopeRates {
  const rate = (inside: boolean) => {
    const own = [...truth.keys()].filter((i) => truth[i] === inside);
    const wrong = own.filter((i) => said[i] !== inside).length;
    return { share: wrong / own.length, notes: own.length, interval: shareInterval(wrong, own.length) };
  };
  return { falselyOutside: rate(true), falselyInside: rate(false) };
}
