import type { Assessment, Disease } from "@baltoro/clinic";
import { named } from "../result/measures.ts";
import type { Strings } from "../strings/index.ts";
import type { Mark } from "./segments.ts";

/** Names of findings, by which their entries and their stretches of the note know each other. */
export const refs = {
  item: (index: number) => `item:${index}`,
  flag: (index: number) => `flag:${index}`,
  evidence: (disease: Disease, side: "for" | "against", index: number) => `evidence:${disease}:${side}:${index}`,
};

/** All that is to be marked in the note: its values, its red flags, and the evidence of the disease that is looked at. */
export function marksOf(assessment: Assessment, disease: Disease | undefined, words: Strings): Mark[] {
  const values = assessment.items.map((item, index): Mark => {
    const label = `${words.legend.value}: ${named(words.values.names, item.code)}`;
    return { ref: refs.item(index), layer: "value", start: item.start, end: item.end, label };
  });
  const flags = assessment.redFlags.flatMap((flag, index) =>
    flag.spans.map(({ start, end }): Mark => {
      const label = `${words.legend.flag}: ${flag.message[words.language]}`;
      return { ref: refs.flag(index), layer: "flag", start, end, label };
    }),
  );
  const candidate = assessment.differential.find((each) => each.disease === disease);
  if (candidate === undefined) return [...values, ...flags];
  const short = words.differential.diseases[candidate.disease].short;
  const evidence = (["for", "against"] as const).flatMap((side) =>
    candidate[side].map(({ start, end }, index): Mark => {
      const ref = refs.evidence(candidate.disease, side, index);
      return { ref, layer: side, start, end, label: words.legend[side](short) };
    }),
  );
  return [...values, ...flags, ...evidence];
}
