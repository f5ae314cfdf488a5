import { measures } from "../codes/index.ts";
import { defaultLexicon, type Lexicon } from "../lexicon/index.ts";
import { bind } from "./bind.ts";
import type { Item } from "./item.ts";
import { scan } from "./scan.ts";
import { assignStatus } from "./status.ts";

export interface ExtractOptions {
  /** Default: the one that ships. */
  readonly lexicon?: Lexicon;
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
  const note = { codes, tokens: scan(codes, lexicon), lexicon };
  const findings = bind(note);
  const statuses = assignStatus(note, findings);
  return findings.map((finding, i) => {
    const start = note.tokens.start[finding.from];
    const end = note.tokens.end[finding.to - 1];
    const value = finding.low === finding.high ? { value: finding.low } : { low: finding.low, high: finding.high };
    return {
      code: finding.code,
      ...value,
      unit: measures.get(finding.code)!.unit,
      text: text.slice(start, end),
      start,
      end,
      status: statuses[i],
    };
  });
}
