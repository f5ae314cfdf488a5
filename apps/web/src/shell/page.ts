import type { Cell } from "../dom/cell.ts";
import type { Language } from "../language/language.ts";

/** What the shell gives every page. */
export interface PageContext {
  readonly language: Cell<Language>;
}

/** Builds a page into an empty element. */
export type PageMount = (place: HTMLElement, context: PageContext) => void;

/** An entry of the app's navigation. */
export interface Page {
  /** In the address, after `#/`. */
  readonly id: string;
  readonly title: Readonly<Record<Language, string>>;
  /** Languages that its text is in. Where the chosen one is none of them, it is shown in the first. */
  readonly languages: readonly Language[];
  /** Path data on a 24 × 24 grid. */
  readonly icon: string;
  /** Loads the page's code, the first time that it is opened. */
  load(): Promise<{ readonly mount: PageMount }>;
}
