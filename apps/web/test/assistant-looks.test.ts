import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";
import type { Assessment } from "@baltoro/clinic";
import type { Page } from "playwright-core";
import * as fixtures from "./assessments.ts";
import { assessNote, describeInBrowser } from "./browser.ts";
import { findFaults } from "./looks.ts";
import { contrast, tokensOf } from "./tokens.ts";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Breaches of WCAG 2.2 A and AA that axe finds. */
async function breaches(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  return page.evaluate(async () => {
    const { axe: run } = globalThis as unknown as {
      axe: { run(options: object): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
    };
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
    const { violations } = await run.run({ runOnly: { type: "tag", values: tags } });
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(" | ")}`);
  });
}

/** Pages of a PDF. */
const pagesOf = (pdf: Buffer) => pdf.toString("latin1").match(/\/Type\s*\/Page\b/g)?.length ?? 0;

test("every pair of text and ground has 4.5 : 1, every edge and mark 3 : 1, in light and dark", () => {
  const texts: Record<string, readonly string[]> = {
    "--ink": ["--paper", "--ground", "--ice", "--danger-wash", "--urgent-wash", "--for-wash", "--against-wash"],
    "--ink-soft": ["--paper", "--ground", "--ice", "--danger-wash"],
    "--accent": ["--paper", "--ground", "--ice"],
    "--on-accent": ["--accent"],
    "--danger": ["--paper", "--danger-wash"],
    "--urgent": ["--urgent-wash", "--danger-wash"],
    "--for": ["--paper"],
    "--against": ["--paper"],
    "--high": ["--paper", "--ice"],
    "--low": ["--paper", "--ice"],
  };
  const graphics: Record<string, readonly string[]> = {
    "--edge": ["--paper"],
    "--mark-line": ["--paper", "--for-wash", "--against-wash"],
    "--danger": ["--paper", "--for-wash", "--against-wash"],
    "--accent": ["--paper", "--track"],
    "--for": ["--track"],
    "--against": ["--track"],
    "--ink": ["--track"],
  };
  for (const scheme of ["light", "dark"] as const) {
    const tokens = tokensOf(scheme);
    for (const [pairs, least] of [
      [texts, 4.5],
      [graphics, 3],
    ] as const) {
      for (const [ink, grounds] of Object.entries(pairs)) {
        for (const ground of grounds) {
          const ratio = contrast(tokens[ink], tokens[ground]);
          assert.ok(ratio >= least, `${scheme}: ${ink} on ${ground} has ${ratio.toFixed(2)} : 1`);
        }
      }
    }
  }
});

describeInBrowser("how the Assistant page looks", (stage, visit) => {
  async function show(page: Page, text: string, assessment: Assessment): Promise<void> {
    stage().server.behaviour.assess = () => ({ body: assessment });
    await assessNote(page, text);
    await page.waitForFunction((shown) => document.querySelector(".marked-note")?.textContent === shown, text);
  }

  const sizes = [
    [320, 640],
    [390, 844],
    [820, 1180],
    [1280, 800],
    [1440, 900],
    [2560, 1440],
  ] as const;

  for (const [colorScheme, locale] of [
    ["light", "zh-CN"],
    ["dark", "en-US"],
  ] as const) {
    test(`${colorScheme}, ${locale}: from phone to wide desktop nothing is cut off, with contrast and names`, async () => {
      await visit(
        async (page) => {
          const check = async (state: string) => {
            for (const [width, height] of sizes) {
              await page.setViewportSize({ width, height });
              assert.deepEqual(await page.evaluate(findFaults), [], `${state}, ${width} × ${height}`);
              assert.deepEqual(await page.evaluate(findCut), [], `${state}, ${width} × ${height}`);
              if (width === 390 || width === 1440)
                assert.deepEqual(await breaches(page), [], `axe, ${state}, ${width}`);
            }
          };
          await check("before a note");
          await show(page, fixtures.notes.infant, fixtures.infant);
          await check("with a result");
        },
        { hash: "", colorScheme, locale, reducedMotion: "reduce" },
      );
    });
  }

  test("other states are free of faults too: stale, problem, outside scope, keys", async () => {
    await visit(
      async (page) => {
        await show(page, "no age", fixtures.ageless);
        await page.keyboard.press("e");
        await page.keyboard.type("!");
        stage().server.behaviour.assess = () => ({ status: 500, body: { error: { message: "x" } } });
        await page.keyboard.press("Control+Enter");
        await page.locator(".problem .notice").waitFor();
        assert.deepEqual(await page.evaluate(findFaults), []);
        assert.deepEqual(await breaches(page), [], "stale, problem, outside of the scope");
        await page.getByRole("button", { name: "Keyboard" }).click();
        assert.deepEqual(await breaches(page), [], "keys");
      },
      { hash: "", viewport: { width: 900, height: 800 }, reducedMotion: "reduce" },
    );
  });

  test("on a phone the note stays in sight beside the findings", async () => {
    await visit(
      async (page) => {
        await show(page, fixtures.notes.pneumonia, fixtures.pneumonia);
        await page.locator(".values tr", { hasText: "CRP" }).scrollIntoViewIfNeeded();
        await page.locator(".values tr", { hasText: "CRP" }).locator(".latest").click();
        const mark = page.locator(".marked-note [data-active]").first();
        assert.equal(await mark.textContent(), "48mg/L");
        const seen = await mark.evaluate((node) => {
          const { left, top } = node.getBoundingClientRect();
          return document.elementFromPoint(left + 3, top + 3) === node;
        });
        assert.ok(seen, "the note scrolled to the value");
      },
      { hash: "", viewport: { width: 390, height: 844 }, reducedMotion: "reduce" },
    );
  });

  test("prints on one sheet of A4, dark screens too, whatever the note, and says what was left out", async () => {
    const many = fixtures.manyValues();
    const flood = { text: "长病历。".repeat(25_000), assessment: { ...fixtures.pneumonia, items: [], redFlags: [] } };
    const cases: Record<string, [string, Assessment][]> = {
      "zh-CN": [
        [fixtures.notes.pneumonia, fixtures.pneumonia],
        [flood.text, flood.assessment],
      ],
      "en-US": [
        [many.text, many.assessment],
        ["a\n".repeat(5_000), fixtures.ageless],
      ],
    };
    for (const [locale, printed] of Object.entries(cases)) {
      await visit(
        async (page) => {
          // What stands on the sheet, taken while it is there, and whether its parts lie over one another.
          await page.evaluate(() => {
            addEventListener("beforeprint", () => {
              const sheet = document.querySelector<HTMLElement>(".print-sheet");
              sheet?.classList.add("measured");
              const parts = [...(sheet?.children ?? [])];
              document.body.dataset["sheet"] = parts.map((part) => part.textContent).join("\n");
              document.body.dataset["over"] = String(parts.some((part) => part.scrollHeight > part.clientHeight + 1));
              sheet?.classList.remove("measured");
            });
          });
          for (const [text, assessment] of printed) {
            await show(page, text, assessment);
            const pdf = await page.pdf({ preferCSSPageSize: true, printBackground: true });
            assert.equal(pagesOf(pdf), 1, `${locale} ${text.length}`);
            assert.equal(await page.getAttribute("body", "data-over"), "false");
            const sheet = (await page.getAttribute("body", "data-sheet")) ?? "";
            assert.ok(sheet.includes(assessment.model.hash) && sheet.includes(assessment.note.sha256));
            for (const notice of assessment.notices)
              assert.ok(sheet.includes(notice[locale === "zh-CN" ? "zh" : "en"]));
            if (text.length > 6000) assert.match(sheet, /全文 100,000 字|of 10,000 characters/);
            if (text === many.text) assert.match(sheet, /and \d+ more on the screen/);
            assert.equal(await page.locator(".print-sheet").count(), 0, "gone after printing");
          }
        },
        { hash: "", locale, colorScheme: "dark" },
      );
    }
  });

  test("less motion is asked for and given", async () => {
    await visit(
      async (page) => {
        await show(page, fixtures.notes.pneumonia, fixtures.pneumonia);
        const moving = await page.evaluate(
          () =>
            [...document.querySelectorAll(".assistant *")].filter(
              (node) => Number.parseFloat(getComputedStyle(node).transitionDuration) > 0,
            ).length,
        );
        assert.equal(moving, 0);
      },
      { hash: "", reducedMotion: "reduce" },
    );
  });
});

/** Runs in the page: what is wider than the card, the note or the band that it stands in. */
function findCut(): string[] {
  const inside = document.querySelectorAll(".card *, .note-pane *, .result-head *");
  return [...inside].flatMap((node) => {
    const frame = node.parentElement?.closest(".card, .note-pane, .result-head")?.getBoundingClientRect();
    const box = node.getBoundingClientRect();
    if (frame === undefined || box.width === 0 || node.closest(".visually-hidden, .drop-hint, [hidden]")) return [];
    for (let up: Element | null = node; up; up = up.parentElement)
      if (getComputedStyle(up).clipPath !== "none") return [];
    return box.right > frame.right + 1 || box.left < frame.left - 1
      ? [`${node.className} ${node.textContent?.slice(0, 30)}`]
      : [];
  });
}
