import type { ModelInput } from "../diagnosis/index.ts";
import type { Example } from "../examples/index.ts";
import { defaultConfig, type FusionConfig, type FusionParts, learnScales } from "../model/index.ts";
import { learnVocabulary } from "../tokens/index.ts";

/** A note's share of training notes from which on its absence is worth saying. */
const commonShare = 0.1;
/** Most codes whose absence is said. */
const mostMissing = 12;

interface PartsRequest {
  readonly examples: readonly Example[];
  readonly unlabelled?: readonly ModelInput[];
  readonly config?: Partial<FusionConfig>;
}

/** Learns vocabulary and scales of measurements from the training notes alone. */
export function learnParts(request: PartsRequest): FusionParts {
  const { examples, unlabelled = [] } = request;
  const inputs = [...examples.map(({ input }) => input), ...unlabelled];
  const vocabulary = learnVocabulary(inputs);
  const scales = learnScales(inputs);
  const counts = new Map<string, number>();
  for (const { input } of examples) {
    const codes = new Set(input.items.filter(({ status }) => status === "current").map(({ code }) => code));
    for (const code of codes) counts.set(code, (counts.get(code) ?? 0) + 1);
  }
  const missing = [...counts]
    .filter(([, count]) => count >= commonShare * examples.length)
    .sort(([a, countA], [b, countB]) => countB - countA || (a < b ? -1 : 1))
    .slice(0, mostMissing)
    .map(([code]) => code);
  const sizes = { tokens: vocabulary.tokens.length, words: vocabulary.words.length };
  return { config: { ...defaultConfig, ...request.config, ...sizes }, vocabulary, scales, missing };
}
