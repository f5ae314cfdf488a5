import type { ArrivalParameters } from "./parameters.ts";
import type { Random } from "./random.ts";

/**
 * Arrival times in ms, rising, one a call: a gamma renewal process whose clock runs as fast as the profile says. Of the
 * renewal process with gaps of mean 1 and variance D, the counts in long windows have variance over mean D: the dispersion.
 */
export function arrivalTimes(
  { perSecond, dispersion, profile, binMs }: ArrivalParameters,
  requests: number,
  random: Random,
): () => number {
  const spanMs = (requests / perSecond) * 1000;
  const partMs = spanMs / profile.length;
  const total = profile.reduce((sum, rate) => sum + rate, 0);
  // Requests expected in each part.
  const expected = profile.map((rate) => (rate / total) * requests);
  const gap = () =>
    dispersion === 0 ? 1 : dispersion === 1 ? random.exponential() : random.gamma(1 / dispersion) * dispersion;
  let [part, withinPart] = [0, 0];
  let passed = 0;
  return () => {
    let ahead = gap();
    // The profile begins again where the trace turns out longer than expected.
    while (withinPart + ahead >= expected[part]) {
      ahead -= expected[part] - withinPart;
      [part, withinPart] = [(part + 1) % profile.length, 0];
      passed++;
    }
    withinPart += ahead;
    const ms = (passed + withinPart / expected[part]) * partMs;
    return binMs > 0 ? Math.floor(ms / binMs) * binMs : ms;
  };
}
