import { buildVocabulary, findMentions, type Mention, readData, type Sets, type TermEntry } from "../mentions/index.ts";

interface RespiratoryFile {
  readonly sets: Sets;
  readonly terms: readonly TermEntry[];
  readonly nothing: readonly string[];
}

const file = readData<RespiratoryFile>("respiratory");
const vocabulary = buildVocabulary(file.terms, file.sets, file.nothing);

/** Where a note speaks of the patient's airways: what is there now, not what is denied, asked or past. */
export function respiratoryMentions(text: string): Mention[] {
  return findMentions(text, vocabulary).filter(({ status }) => status === "present");
}
