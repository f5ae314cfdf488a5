import { TraceError } from "./errors.ts";
import { areQuantiles, lognormal, type Quantiles, quantileShares } from "./quantiles.ts";

/**
 * What a generated trace is like: a handful of numbers that say nothing of any one request. `baltoro trace fit` finds them
 * for a log. Lengths are in tokens, times in ms.
 */
export interface TraceParameters {
  readonly requests: number;
  readonly blockSize: number;
  readonly arrivals: ArrivalParameters;
  /** Of a request that starts a session: its prompt less root and shared prefix. */
  readonly firstPrompt: Quantiles;
  readonly output: Quantiles;
  /** No prompt is longer: the model's window, as a rule. */
  readonly longestPrompt: number;
  readonly sessions: SessionParameters;
  readonly shared: SharedParameters;
}

export interface ArrivalParameters {
  /** Mean over the trace. */
  readonly perSecond: number;
  /** Variance over mean of the requests in a window: 1 is Poisson, 0 a metronome, more comes in bursts. A gamma renewal process. */
  readonly dispersion: number;
  /** Relative rate in equal parts of the trace, as a day's course. [1] is steady. */
  readonly profile: readonly number[];
  /** Arrivals are rounded down to this, as logs with coarse times do. 0 leaves them. */
  readonly binMs: number;
}

/** Conversations: a turn sends again what went before, and adds to it. */
export interface SessionParameters {
  /**
   * Another turn follows the k-th (from 0) with probability (a + k) / (a + b + k): sessions differ in how long they go on
   * (a beta distribution), so that who has gone on will go on. a = 0 is single requests. Prompts without a whole block of
   * their own are not gone on from.
   */
  readonly a: number;
  readonly b: number;
  /** From a turn to the next. */
  readonly gapMs: Quantiles;
  /**
   * How much more likely than the mean the first turn is gone on from, for each fifth of `firstPrompt`, the shortest first:
   * documents are asked about again, short questions are not. [1, 1, 1, 1, 1] is all alike.
   */
  readonly byLength: readonly number[];
  /** Prompt of a turn less prompt and output of the one before, where all of that was kept. */
  readonly added: Quantiles;
  /** Share of the turns whose history was edited or cut. */
  readonly cut: number;
  /** Of those: share of the previous prompt's whole blocks that was kept, and what was added; mostly negative. */
  readonly kept: Quantiles;
  readonly addedAfterCut: Quantiles;
}

/** What unrelated requests share: system prompts, tools, documents that are asked about again and again. */
export interface SharedParameters {
  /** Blocks at the start of every prompt. */
  readonly rootBlocks: number;
  /** Share of the sessions that go on with one of `prefixes` after the root. */
  readonly share: number;
  readonly prefixes: number;
  /** The k-th (from 1) is taken with a probability in proportion to k^−zipf. */
  readonly zipf: number;
  /**
   * Trunks that several prefixes have in common, as a tool's prompt before its documents: lengths in blocks after the root.
   * May be empty.
   */
  readonly trunks: readonly number[];
  /** Share of the prefixes that stands on each trunk; the rest stands on the root. Of those that are not told one by one. */
  readonly trunkShares: readonly number[];
  /**
   * Lengths in blocks, after the trunk, of the most used prefixes by rank, and the index of each one's trunk (−1: none): they
   * weigh too much to be drawn. May be empty.
   */
  readonly leadingBlocks: readonly number[];
  readonly leadingTrunks: readonly number[];
  /** Lengths of the others. */
  readonly blocks: Quantiles;
  /** What stands after a shared prefix in the first prompt of a session, in place of `firstPrompt`. */
  readonly ownPrompt: Quantiles;
}

/** Multi-turn chat behind one system prompt, much like a public conversation log. */
export const chatParameters: TraceParameters = {
  requests: 12_000,
  blockSize: 512,
  arrivals: { perSecond: 3.4, dispersion: 1, profile: [1], binMs: 0 },
  firstPrompt: lognormal(5500, 1.15),
  output: lognormal(260, 0.8),
  longestPrompt: 131_072,
  sessions: {
    a: 1.6,
    b: 3.6,
    gapMs: lognormal(120_000, 0.9),
    byLength: [1, 1, 1, 1, 1],
    added: lognormal(120, 1.8),
    cut: 0,
    kept: [1],
    addedAfterCut: [0],
  },
  shared: {
    rootBlocks: 1,
    share: 0,
    prefixes: 0,
    zipf: 1,
    trunks: [],
    trunkShares: [],
    leadingBlocks: [],
    leadingTrunks: [],
    blocks: [0],
    ownPrompt: [1],
  },
};

/** An agent's calls: a few long tool prompts that all share, short answers. */
export const agentParameters: TraceParameters = {
  requests: 12_000,
  blockSize: 512,
  arrivals: { perSecond: 6.5, dispersion: 2, profile: [1], binMs: 0 },
  firstPrompt: lognormal(6000, 0.9),
  output: lognormal(90, 1),
  longestPrompt: 131_072,
  sessions: {
    a: 1,
    b: 2,
    gapMs: lognormal(15_000, 1),
    byLength: [1, 1, 1, 1, 1],
    added: lognormal(600, 1),
    cut: 0,
    kept: [1],
    addedAfterCut: [0],
  },
  shared: {
    rootBlocks: 0,
    share: 0.9,
    prefixes: 60,
    zipf: 1.1,
    trunks: [],
    trunkShares: [],
    leadingBlocks: [],
    leadingTrunks: [],
    blocks: lognormal(9, 0.6),
    ownPrompt: lognormal(1500, 1),
  },
};

/** Questions about long documents, each asked about several times. */
export const documentParameters: TraceParameters = {
  requests: 4000,
  blockSize: 512,
  arrivals: { perSecond: 3.9, dispersion: 1, profile: [1], binMs: 0 },
  firstPrompt: lognormal(2500, 1.2),
  output: lognormal(80, 1.1),
  longestPrompt: 131_072,
  sessions: { a: 0, b: 1, gapMs: [0], byLength: [1, 1, 1, 1, 1], added: [0], cut: 0, kept: [1], addedAfterCut: [0] },
  shared: {
    rootBlocks: 0,
    share: 0.8,
    prefixes: 800,
    zipf: 0.4,
    trunks: [],
    trunkShares: [],
    leadingBlocks: [],
    leadingTrunks: [],
    blocks: lognormal(22, 0.8),
    ownPrompt: lognormal(90, 0.8),
  },
};

export const parameterPresets: Readonly<Record<string, TraceParameters>> = {
  chat: chatParameters,
  agent: agentParameters,
  documents: documentParameters,
};

/**
 * Checks parameters, as read from JSON.
 * @throws TraceError that names the field and what it may be.
 */
export function checkParameters(value: unknown): TraceParameters {
  const at = (path: string): unknown =>
    path.split(".").reduce<unknown>((part, key) => (part as Record<string, unknown> | undefined)?.[key], value);
  const show = (found: unknown) => (JSON.stringify(found) ?? "missing").slice(0, 80);
  const number = (path: string, least: number, most: number, whole = false): void => {
    const found = at(path);
    if (typeof found !== "number" || !(found >= least && found <= most) || (whole && !Number.isInteger(found))) {
      const kind = whole ? "a whole number" : "a number";
      throw new TraceError(`parameters: ${path} is ${show(found)}, expected ${kind} from ${least} to ${most}`);
    }
  };
  const quantiles = (path: string, least: number): void => {
    const found = at(path);
    if (!areQuantiles(found) || found[0] < least) {
      const shares = quantileShares.join(", ");
      throw new TraceError(
        `parameters: ${path} is ${show(found)}, expected [one number] or ${quantileShares.length} rising quantiles (at ${shares}) from ${least}`,
      );
    }
  };
  number("requests", 1, 2 ** 31, true);
  number("blockSize", 1, 2 ** 20, true);
  number("longestPrompt", 1, 2 ** 24, true);
  number("arrivals.perSecond", 1e-6, 1e6);
  number("arrivals.dispersion", 0, 1e4);
  number("arrivals.binMs", 0, 3.6e6);
  const profile = at("arrivals.profile");
  const rates = Array.isArray(profile) && profile.every((rate) => Number.isFinite(rate) && rate >= 0);
  if (!rates || !profile.some((rate) => rate > 0))
    throw new TraceError(
      `parameters: arrivals.profile is ${show(profile)}, expected numbers from 0, one above 0 at least`,
    );
  quantiles("firstPrompt", 1);
  quantiles("output", 1);
  number("sessions.a", 0, 1e6);
  number("sessions.b", 1e-3, 1e6);
  quantiles("sessions.gapMs", 0);
  quantiles("sessions.added", -1e9);
  number("sessions.cut", 0, 1);
  quantiles("sessions.kept", 0);
  quantiles("sessions.addedAfterCut", -1e9);
  number("shared.rootBlocks", 0, 1e6, true);
  number("shared.share", 0, 1);
  number("shared.prefixes", 0, 1e7, true);
  number("shared.zipf", 0, 10);
  quantiles("shared.blocks", 0);
  quantiles("shared.ownPrompt", 1);
  const list = (path: string, length: number | null, fits: (value: number) => boolean, what: string): void => {
    const found = at(path);
    const good = Array.isArray(found) && found.length <= 1000 && found.every(fits);
    if (!good || (length !== null && found.length !== length))
      throw new TraceError(`parameters: ${path} is ${show(found)}, expected ${length ?? "at most 1000"} ${what}`);
  };
  const lengthOf = (path: string) => (at(path) as unknown[]).length;
  const isLength = (value: number) => Number.isInteger(value) && value >= 0;
  list("sessions.byLength", 5, (value) => Number.isFinite(value) && value >= 0, "numbers from 0");
  list("shared.trunks", null, isLength, "whole numbers from 0");
  const trunks = lengthOf("shared.trunks");
  list("shared.trunkShares", trunks, (value) => value >= 0 && value <= 1, "shares from 0 to 1, one for each trunk");
  list("shared.leadingBlocks", null, isLength, "whole numbers from 0");
  const isTrunk = (value: number) => Number.isInteger(value) && value >= -1 && value < trunks;
  list("shared.leadingTrunks", lengthOf("shared.leadingBlocks"), isTrunk, "indices of trunks, or −1");
  if (at("shared.prefixes") === 0 && at("shared.share") !== 0)
    throw new TraceError("parameters: shared.share is above 0, but shared.prefixes is 0: there is nothing to share");
  return value as TraceParameters;
}
