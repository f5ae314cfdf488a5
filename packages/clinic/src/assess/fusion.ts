import type { ModelInput } from "../diagnosis/index.ts";
import type { RelevanceOptions } from "../model/index.ts";
import type { LoadedModel } from "../train/index.ts";
import { probability } from "../train/index.ts";
import type { ExplainableModel } from "./evidence/index.ts";

/** Characters of a note that are looked at per token that the model reads: no token is nearly as long. */
const charactersPerToken = 16;

/** A loaded model as something that can be explained: only what it reads of a long note is handled again and again. */
export function explainable(loaded: LoadedModel): ExplainableModel {
  const { model, calibration, relevance } = loaded;
  const longest = charactersPerToken * model.config.maxTokens;
  const beginning = (input: ModelInput): ModelInput =>
    input.text.length <= longest ? input : { ...input, text: input.text.slice(0, longest) };
  return {
    name: loaded.name,
    predict: (inputs) => loaded.predict(inputs.map(beginning)),
    reach(input) {
      const { tokens, structured } = model.encode(beginning(input));
      const end = tokens.cut?.from ?? Math.min(input.text.length, longest);
      return { size: tokens.ids.length + structured.measurements.length, end };
    },
    ...(relevance && {
      async relevance(input: ModelInput, options?: RelevanceOptions) {
        const { text, items, logits } = await relevance(beginning(input), options);
        const probabilities = logits.map((logit, c) => {
          const one = calibration[c];
          return one ? probability(logit, one) : Number.NaN;
        });
        return { text, items, probabilities };
      },
    }),
  };
}
