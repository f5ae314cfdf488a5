import { diseasePatterns } from "../../examples/index.ts";

export interface Utterance {
  readonly speaker: string;
  readonly text: string;
}

/** Columns of `namedDiseases`. */
export const namings = (["doctor", "patient"] as const).flatMap((speaker) =>
  (["pneumonia", "bronchitis", "rti"] as const).map((disease) => ({ speaker, disease })),
);

/**
 * Whether each speaker names each disease, 1 or 0, in the order of `namings`. Read from text that is not masked: something to learn to
 * foresee from the masked text of dialogues that are trained on, never a feature. 肺炎支原体 is a germ and no pneumonia.
 */
export function namedDiseases(utterances: readonly Utterance[]): number[] {
  const said = (who: string) =>
    utterances
      .filter(({ speaker }) => speaker === who)
      .map(({ text }) => text.replaceAll("肺炎支原体", "支原体"))
      .join("\n");
  const texts = { doctor: said("doctor"), patient: said("patient") };
  return namings.map(({ speaker, disease }) => (diseasePatterns[disease].test(texts[speaker]) ? 1 : 0));
}
