import type { Item } from "./extract/index.ts";

export type { Item, Status } from "./extract/index.ts";
export * from "./score/index.ts";

export interface ExtractOptions {
  readonly language?: "en" | "zh";
}

export function extract(_text: string, _options: ExtractOptions = {}): Item[] {
  return [];
}
