import { button, element, icon } from "../dom/element.ts";
import { icons } from "../dom/icons.ts";
import { languageTags, openLanguage } from "../language/language.ts";
import { createLanguageSwitch } from "../language/language-switch.ts";
import type { Page } from "./page.ts";
import { pageOf, pages } from "./pages.ts";
import { type ShellStrings, shellStrings } from "./strings.ts";

/**
 * Starts the app: fills the navigation with the pages that exist and shows the one that the address names. A page that was
 * opened once stays as it is while another is shown, so that a generation goes on.
 */
export function startShell(navigation: HTMLElement, main: HTMLElement): void {
  const language = openLanguage();
  const links = new Map(
    pages.map((page) => [page, element("a", { href: `#/${page.id}` }, icon(page.icon), element("span"))]),
  );
  navigation.append(...links.values());
  const languages = createLanguageSwitch(language);
  navigation.after(languages);
  const places = new Map<Page, HTMLElement>();

  async function open(page: Page): Promise<void> {
    const place = element("div", { class: "page" });
    places.set(page, place);
    main.append(place);
    try {
      const { mount } = await page.load();
      mount(place, { language });
    } catch (error) {
      console.error(error);
      places.delete(page);
      place.replaceChildren(loadFailure(shellStrings[language.get()], () => location.reload()));
    }
  }

  function show(): void {
    const shown = pageOf(location.hash);
    const now = language.get();
    document.documentElement.lang = languageTags[now];
    document.title = `${shown.title[now]} · Baltoro`;
    navigation.setAttribute("aria-label", shellStrings[now].pages);
    const skip = document.querySelector(".skip");
    if (skip) skip.textContent = shellStrings[now].skip;
    languages.hidden = shown.languages.length < 2;
    for (const [page, link] of links) {
      if (link.lastElementChild) link.lastElementChild.textContent = page.title[now];
      if (page === shown) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    if (!places.has(shown)) void open(shown);
    for (const [page, place] of places) {
      place.hidden = page !== shown;
      place.lang = languageTags[page.languages.includes(now) ? now : page.languages[0]];
    }
  }

  addEventListener("hashchange", show);
  language.watch(show);
}

function loadFailure(words: ShellStrings, again: () => void): HTMLElement {
  const text = element("div", { class: "notice-text" }, element("b", {}, words.loadFailed), ` ${words.loadAdvice}`);
  return element("div", { class: "notice", role: "alert" }, icon(icons.warn), text, button(words.loadAgain, again));
}
