import { button, element, icon } from "../dom/element.ts";
import { icons } from "../dom/icons.ts";
import type { Page } from "./page.ts";
import { pageOf, pages } from "./pages.ts";

/**
 * Starts the app: fills the navigation with the pages that exist and shows the one that the address names. A page that was
 * opened once stays as it is while another is shown, so that a generation goes on.
 */
export function startShell(navigation: HTMLElement, main: HTMLElement): void {
  const links = new Map(
    pages.map((page) => [
      page,
      element("a", { href: `#/${page.id}` }, icon(page.icon), element("span", {}, page.title)),
    ]),
  );
  navigation.append(...links.values());
  const places = new Map<Page, HTMLElement>();

  async function open(page: Page): Promise<void> {
    const place = element("div", { class: "page" });
    places.set(page, place);
    main.append(place);
    try {
      const { mount } = await page.load();
      mount(place);
    } catch (error) {
      console.error(error);
      places.delete(page);
      place.replaceChildren(loadFailure(() => location.reload()));
    }
  }

  function show(): void {
    const shown = pageOf(location.hash);
    document.title = `${shown.title} · Baltoro`;
    for (const [page, link] of links) {
      if (page === shown) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    if (!places.has(shown)) void open(shown);
    for (const [page, place] of places) place.hidden = page !== shown;
  }

  addEventListener("hashchange", show);
  show();
}

function loadFailure(again: () => void): HTMLElement {
  const text = element("div", { class: "notice-text" }, element("b", {}, "This page could not be loaded."));
  text.append(" Check that the server runs, then load it again.");
  return element("div", { class: "notice", role: "alert" }, icon(icons.warn), text, button("Load again", again));
}
