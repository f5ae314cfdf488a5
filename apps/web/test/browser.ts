import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe } from "node:test";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { build } from "vite";
import { type FakeServer, startFakeServer, story } from "./fake-server.ts";

const places = [process.env["CHROMIUM"], "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Where a Chromium is; undefined where there is none. */
export const chromiumPath = places.find((path) => path !== undefined && existsSync(path));

const flags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** A browser, and a fake server with the page as its sources are now. */
export interface Stage {
  readonly server: FakeServer;
  /** Opens the page as a new visitor. */
  open(options?: VisitOptions): Promise<Visit>;
  close(): Promise<void>;
}

/** How a visitor comes. */
export interface VisitOptions extends BrowserContextOptions {
  /** The page of the app, by the hash of its address. Default: the Chat page. */
  readonly hash?: string;
}

/** One visitor. */
export interface Visit {
  readonly page: Page;
  /** Ends the visit. Returns the errors of the console and the breaches of the security policy, which should be none. */
  end(): Promise<string[]>;
}

/** Builds the page into a temporary directory and starts browser and server. */
export async function startStage(): Promise<Stage> {
  const directory = await mkdtemp(join(tmpdir(), "baltoro-web-"));
  const root = join(import.meta.dirname, "..");
  await build({ root, logLevel: "error", build: { outDir: directory, emptyOutDir: true } });
  const server = await startFakeServer(directory);
  const browser: Browser = await chromium.launch({ executablePath: chromiumPath, headless: true, args: flags });
  return {
    server,
    async open({ hash = "#/chat", ...options } = {}) {
      const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
      const page = await context.newPage();
      page.setDefaultTimeout(10_000);
      const faults: string[] = [];
      page.on("pageerror", (error) => faults.push(error.message));
      page.on("console", (message) => {
        // The browser reports every status above 399 by itself; the page has no say in it.
        const ownNotice = message.text().startsWith("Failed to load resource");
        if (message.type() === "error" && !ownNotice) faults.push(message.text());
      });
      await page.exposeFunction("reportViolation", (text: string) => faults.push(text));
      await page.addInitScript(() => {
        const report = (globalThis as unknown as { reportViolation(text: string): void }).reportViolation;
        addEventListener("securitypolicyviolation", (event) => {
          report(`policy: ${event.violatedDirective} ${event.blockedURI}`);
        });
      });
      await page.goto(`${server.url}/${hash}`);
      await page.waitForFunction(() =>
        document.querySelector("#setting-model option[value], dialog[open], .notice, .assistant"),
      );
      return {
        page,
        async end() {
          await context.close();
          return faults;
        },
      };
    },
    async close() {
      await browser.close();
      await server.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Opens the page, does `acts`, and finds neither an error in the console nor a breach of the policy. */
export type VisitWith = (acts: (page: Page) => Promise<void>, options?: VisitOptions) => Promise<void>;

/** A suite of tests that share a stage; each finds the server as it was. Skips where there is no Chromium. */
export function describeInBrowser(name: string, add: (stage: () => Stage, visit: VisitWith) => void): void {
  const skip = chromiumPath === undefined ? "no Chromium here: install it, or name its path in CHROMIUM" : false;
  describe(name, { skip }, () => {
    let stage: Stage;
    before(async () => {
      stage = await startStage();
    });
    after(() => stage.close());
    beforeEach(() => {
      const { behaviour, requests } = stage.server;
      for (const fault of ["status", "cutAfter", "failAfter", "apiKey", "assess"] as const) delete behaviour[fault];
      Object.assign(behaviour, { tokens: story, delayMilliseconds: 4, finish: "length", chat: false });
      requests.length = 0;
    });
    add(
      () => stage,
      async (acts, options) => {
        const { page, end } = await stage.open(options);
        try {
          await acts(page);
        } finally {
          assert.deepEqual(await end(), []);
        }
      },
    );
  });
}

/** The body of the last request to generate. */
export function lastRequest({ server }: Stage): Readonly<Record<string, unknown>> {
  return server.requests.at(-1) ?? {};
}

/** The text of the Complete mode. */
export async function textOf(page: Page): Promise<string> {
  return page.inputValue(".editor-input");
}

/** Waits until no generation runs. */
export async function idle(page: Page, mode: "complete" | "chat" = "complete"): Promise<void> {
  await page.waitForSelector(`.${mode}:not([data-busy])`);
}

/** Clicks the button of that name. */
export async function press(page: Page, name: string): Promise<void> {
  await page.getByRole("button", { name, exact: true }).click();
}

/** Continues `prompt` to the end. */
export async function complete(page: Page, prompt: string): Promise<void> {
  await page.fill(".editor-input", prompt);
  await press(page, "Continue");
  await page.waitForFunction((old) => document.querySelector("textarea")?.value !== old, prompt);
  await idle(page);
}

/** Puts a note into the Assistant page, at once however long, and asks for its assessment. */
export async function assessNote(page: Page, text: string): Promise<void> {
  await page.evaluate((note) => {
    const field = document.querySelector(".note-input") as HTMLTextAreaElement;
    field.value = note;
    field.dispatchEvent(new InputEvent("input", { bubbles: true }));
    field.focus();
  }, text);
  await page.keyboard.press("Control+Enter");
}
