export { type Measure, measures } from "./measures.ts";
export { convert, converts, knownUnits } from "./units.ts";
