export { groupOfLabel, groupOfReport, reportGroups } from "./classes.ts";
export { poolings, type SourceScores, weigh } from "./pool.ts";
export {
  type DialogueOptions,
  type DialoguePredictions,
  type Probabilities,
  predictDialogues,
  predictReported,
} from "./predict.ts";
export { hasResearchSets, type ResearchSets, readResearchSets } from "./read.ts";
