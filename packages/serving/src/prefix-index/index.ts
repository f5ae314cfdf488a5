export { PrefixMatch } from "./match.ts";
export { maxBlocks, PrefixIndex, tierBit } from "./prefix-index.ts";
