export { type ExtractOptions, extract } from "./extract.ts";
export type { Item, Status } from "./item.ts";
