export type { Example, Turn } from "./example.ts";
export { assignFolds } from "./folds.ts";
export { ageOf, toModelInput } from "./input.ts";
export { diseasePatterns, dxy, imcs, type Label, labelsFrom, labelsFromDiagnosis } from "./labels.ts";
export { collapseMasks, maskCharacter, maskDiseaseNames } from "./mask.ts";
export { exampleOfRecord, parseExample, readExamples, type WrongLine } from "./read.ts";
