export { type DialogueOptions, type DialoguePredictions, predictDialogues } from "./predict.ts";
export { hasResearchSets, type ResearchSets, readResearchSets } from "./read.ts";
