import { philox4x32 } from "@baltoro/tensor";

/** How the next token is drawn. */
export interface SamplingOptions {
  /** 0: always the most likely token. */
  readonly temperature: number;
  /** Keep the k most likely tokens; 0: all. */
  readonly topK: number;
  /** Keep the smallest set of tokens whose probabilities add up to p; 1: all. */
  readonly topP: number;
  /** Keep tokens at least this fraction as likely as the most likely one; 0: all. */
  readonly minP: number;
  /** With the position it determines the draw: a request continues the same way on any worker. */
  readonly seed: number;
}

export const defaultSampling: SamplingOptions = { temperature: 1, topK: 0, topP: 1, minP: 0, seed: 0 };

/** A token with its log-probability under the model (temperature 1, nothing cut off). */
export interface TokenLogprob {
  readonly id: number;
  readonly logprob: number;
}

/**
 * Draws a token from logits [V]. The uniform number is word 0 of Philox block `position` under key `seed`, so it depends on
 * (seed, position) alone, never on what else is in the batch.
 *
 * @throws if a logit is NaN or the largest is infinite: the weights or the device are broken.
 */
export function sample(logits: Float32Array, options: SamplingOptions, position: number): number {
  const best = argmax(logits);
  if (!(options.temperature > 0) || options.topK === 1) return best;
  const candidates = cutOff(logits, logits[best], options);
  let total = 0;
  const weights = candidates.map((id) => {
    const weight = Math.exp((logits[id] - logits[best]) / options.temperature);
    total += weight;
    return weight;
  });
  let rest = uniformAt(options.seed, position) * total;
  for (let i = 0; i < candidates.length; i++) {
    rest -= weights[i];
    if (rest < 0) return candidates[i];
  }
  return candidates[candidates.length - 1];
}

/** A number in [0, 1) of 24 bits, the same for the same seed and position on every machine. */
export function uniformAt(seed: number, position: number): number {
  const high = Math.floor(seed / 2 ** 32) >>> 0;
  return (philox4x32(seed >>> 0, high, position >>> 0, 0, 0, 0)[0] >>> 8) / 2 ** 24;
}

/** Log-probability of one token. */
export function logprobOf(logits: Float32Array, id: number): number {
  return logits[id] - logSumExp(logits);
}

/** The `count` most likely tokens, best first. */
export function topLogprobs(logits: Float32Array, count: number): TokenLogprob[] {
  const normalizer = logSumExp(logits);
  return largest(logits, count).map((id) => ({ id, logprob: logits[id] - normalizer }));
}

/** Index of the largest value, the first of equal ones. @throws if one is NaN, or the largest is infinite. */
export function argmax(logits: Float32Array): number {
  let best = 0;
  for (let id = 0; id < logits.length; id++) {
    const value = logits[id];
    if (Number.isNaN(value)) throw brokenLogit(id, value);
    if (value > logits[best]) best = id;
  }
  if (!Number.isFinite(logits[best])) throw brokenLogit(best, logits[best]);
  return best;
}

function brokenLogit(id: number, value: number): Error {
  return new Error(
    `sampling: the logit of token ${id} is ${value}; the checkpoint is damaged, or training it diverged`,
  );
}

function logSumExp(logits: Float32Array): number {
  const max = logits[argmax(logits)];
  let sum = 0;
  for (const value of logits) sum += Math.exp(value - max);
  return max + Math.log(sum);
}

/** Tokens that survive top-k, then min-p, then top-p, in an order that depends on the logits alone. */
function cutOff(logits: Float32Array, max: number, { temperature, topK, topP, minP }: SamplingOptions): number[] {
  let ids = topK > 0 ? largest(logits, topK) : Array.from(logits.keys());
  if (topP >= 1 && minP <= 0) return ids;
  const weights = new Float64Array(logits.length);
  for (const id of ids) weights[id] = Math.exp((logits[id] - max) / temperature);
  const weight = (id: number) => weights[id];
  if (minP > 0) ids = ids.filter((id) => weight(id) >= minP);
  if (topP >= 1) return ids;
  const total = ids.reduce((sum, id) => sum + weight(id), 0);
  // All tokens lighter than this together weigh less than 1 − p: only the others need to be sorted, and they are few.
  const least = ((1 - topP) * total) / ids.length;
  ids = ids.filter((id) => weight(id) >= least).sort((a, b) => logits[b] - logits[a] || a - b);
  let sum = 0;
  let count = 0;
  while (count < ids.length && sum < topP * total) sum += weight(ids[count++]);
  return ids.slice(0, Math.max(count, 1));
}

/** Indices of the `count` largest values, largest first, ties to the lower index. */
function largest(values: Float32Array, count: number): number[] {
  const better = (a: number, b: number) => values[b] - values[a] || a - b;
  if (count * 8 >= values.length) return Array.from(values.keys()).sort(better).slice(0, count);
  const kept: number[] = [];
  for (const [id, value] of values.entries()) {
    if (kept.length === count && value <= values[kept[count - 1]]) continue;
    let at = kept.length;
    while (at > 0 && values[kept[at - 1]] < value) at--;
    kept.splice(at, 0, id);
    if (kept.length > count) kept.pop();
  }
  return kept;
}
