import { measures } from "../codes/index.ts";
import { defaultLexicon, type Lexicon } from "../lexicon/index.ts";
import { flagOf, referenceRange } from "../reference/index.ts";
import { bind } from "./bind.ts";
import { detailsOf } from "./details.ts";
import type { Finding } from "./finding.ts";
import { settleWeights } from "./growth.ts";
import type { Item } from "./item.ts";
import type { Note } from "./note.ts";
import { findQualitative } from "./qualitative.ts";
import { scan } from "./scan.ts";
import { assignStatus } from "./status.ts";

export interface ExtractOptions {
  /** Default: the one that ships. */
  readonly lexicon?: Lexicon;
  /** Age in months, for the flags. Default: the first current age of the note. */
  readonly ageMonths?: number;
}

/**
 * Finds the test results of a clinical note, Chinese or English, in the order of the text: each with its LOINC code, its value or
 * range in the code's canonical unit, its span and its status. Never throws on a note, and takes time in proportion to its length.
 *
 * @example
 * extract("体温39.2度，WBC 12.3×10^9/L")[0]; // { code: "8310-5", value: 39.2, unit: "Cel", text: "39.2度", ... }
 */
export function extract(text: string, options: ExtractOptions = {}): Item[] {
  const lexicon = options.lexicon ?? defaultLexicon();
  const codes = lexicon.normalize(text);
  const note: Note = { text, codes, tokens: scan(codes, lexicon), lexicon };
  const items = [...numericItems(note, text, options.ageMonths), ...qualitativeItems(note, text)];
  return items.sort((a, b) => a.start - b.start || a.end - b.end);
}

function numericItems(note: Note, text: string, ageMonths: number | undefined): Item[] {
  const bound = settleWeights(note, bind(note));
  const told = assignStatus(note, bound);
  const findings = bound.filter((_, i) => told[i]);
  const statuses = told.filter((status) => status !== undefined);
  const age = ageMonths ?? findings.find(({ code }, i) => code === "30525-0" && statuses[i] === "current")?.low;
  return findings.map((finding, i) => {
    const { code, low, high } = finding;
    const range = age === undefined || statuses[i] !== "current" ? undefined : referenceRange(code, age);
    return {
      code,
      ...(low === high ? { value: low } : { low, high }),
      unit: measures.get(code)!.unit,
      ...spanOf(note, text, finding),
      status: statuses[i],
      ...detailsOf(note, text, finding),
      ...(range ? { flag: flagOf(low, high, range) } : {}),
    };
  });
}

function qualitativeItems(note: Note, text: string): Item[] {
  const found = findQualitative(note, text);
  const asFindings: Finding[] = found.map(({ code, from, to }) => ({
    ...{ code, from, to, nameAt: from, low: 0, high: 0 },
    ...{ basis: "stated", reference: false, printed: false },
  }));
  const statuses = assignStatus(note, asFindings);
  return found.map(({ code, result }, i) => ({
    ...{ code, unit: "", ...spanOf(note, text, asFindings[i]), status: statuses[i] ?? "current", result },
    certainty: "stated",
  }));
}

function spanOf(note: Note, text: string, { from, to }: Finding): Pick<Item, "text" | "start" | "end"> {
  const start = note.tokens.start[from];
  const end = note.tokens.end[to - 1];
  return { text: text.slice(start, end), start, end };
}
