export { f1Interval, type IntervalOptions } from "./interval.ts";
export { type LabelledNote, parseLabels } from "./labels.ts";
export { type Matching, type MatchOptions, matchItems, sameResult } from "./match.ts";
export { readResearchNotes } from "./research-notes.ts";
export { type Score, type ScoredNote, type ScoreReport, scoreNotes, scoreOf } from "./score.ts";
export {
  type LabelledExcerpt,
  type LabelledSign,
  parseSignLabels,
  type SignError,
  type SignScore,
  type SignStatus,
  scoreSigns,
  signFamily,
} from "./signs.ts";
