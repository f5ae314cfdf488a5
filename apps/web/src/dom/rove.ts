/**
 * Makes the elements of a list one stop of the Tab key: arrows, Home and End move among them (the roving tabindex of the ARIA
 * Authoring Practices). `onMove` is told of the element that took the focus by a key.
 */
export function rove(root: HTMLElement, selector: string, onMove: (node: HTMLElement) => void = () => {}): void {
  const stops = () => [...root.querySelectorAll<HTMLElement>(selector)].filter((node) => node.checkVisibility());
  const own = (target: EventTarget | null) =>
    target instanceof Element ? target.closest<HTMLElement>(selector) : null;

  function make(stop: HTMLElement): void {
    for (const node of root.querySelectorAll<HTMLElement>(selector)) node.tabIndex = node === stop ? 0 : -1;
  }

  const first =
    root.querySelector<HTMLElement>(`:is(${selector})[aria-selected="true"]`) ??
    root.querySelector<HTMLElement>(selector);
  if (first) make(first);
  root.addEventListener("focusin", ({ target }) => {
    const stop = own(target);
    if (stop) make(stop);
  });
  root.addEventListener("keydown", (event) => {
    const stop = own(event.target);
    if (stop === null || event.ctrlKey || event.metaKey || event.altKey) return;
    const list = stops();
    const at = list.indexOf(stop);
    const steps: Readonly<Record<string, number>> = {
      ArrowDown: at + 1,
      ArrowRight: at + 1,
      ArrowUp: at - 1,
      ArrowLeft: at - 1,
      Home: 0,
      End: list.length - 1,
    };
    const to = list[steps[event.key] ?? -1];
    if (!(event.key in steps)) return;
    event.preventDefault();
    if (to === undefined) return;
    to.focus();
    onMove(to);
  });
}
