export type { Item, Status } from "./item.ts";
