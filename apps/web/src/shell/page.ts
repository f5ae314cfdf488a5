/** Builds a page into an empty element. */
export type PageMount = (place: HTMLElement) => void;

/** An entry of the app's navigation. */
export interface Page {
  /** In the address, after `#/`. */
  readonly id: string;
  readonly title: string;
  /** Path data on a 24 × 24 grid. */
  readonly icon: string;
  /** Loads the page's code, the first time that it is opened. */
  load(): Promise<{ readonly mount: PageMount }>;
}
