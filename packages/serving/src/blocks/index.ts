export { type BlockNames, chainRoot, type HashContext, hashBlocks, nameWords } from "./hash.ts";
export { BlockTable } from "./table.ts";
