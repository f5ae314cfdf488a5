export { without } from "./delete.ts";
export {
  chooseByRelevance,
  deletionsFor,
  type ExplainableModel,
  type Explained,
  explain,
  logOdds,
} from "./evidence.ts";
export { type Unit, unitsOf } from "./units.ts";
