import assert from "node:assert/strict";
import { test } from "node:test";
import type { Assessment, Item } from "@baltoro/clinic";
import type { Page } from "playwright-core";
import * as fixtures from "./assessments.ts";
import { assessNote, describeInBrowser } from "./browser.ts";

/** An assessment of a text in which each of `words` is a value, evidence and a red flag at once. */
function assessmentOf(text: string, words: readonly string[]): Assessment {
  const spans = words.map((word) => fixtures.span(text, word));
  const items = spans.map(
    (span): Item => ({
      ...span,
      code: span.text,
      unit: span.text,
      result: span.text,
      status: "current",
      time: span.text,
    }),
  );
  const evidence = spans.map((span, item) => ({ ...span, kind: "value" as const, weight: 1, item }));
  const said = { en: words.join(" "), zh: words.join(" ") };
  return {
    ...fixtures.pneumonia,
    model: { name: said.en, version: said.en, hash: said.en, training: "synthetic" },
    redFlags: [{ code: said.en, severity: "urgent", message: said, source: said.en, spans }],
    items,
    differential: fixtures.pneumonia.differential.map((each) => ({
      ...each,
      icd10: said.en,
      for: evidence,
      against: [],
    })),
    missing: fixtures.pneumonia.missing.map((each) => ({ ...each, display: said })),
    notices: [said],
  };
}

describeInBrowser("hostile notes on the Assistant page", (stage, visit) => {
  async function show(page: Page, text: string, assessment: Assessment): Promise<void> {
    stage().server.behaviour.assess = () => ({ body: assessment });
    await assessNote(page, text);
    await page.waitForFunction((shown) => document.querySelector(".marked-note")?.textContent === shown, text);
  }

  test("markup is shown as text, wherever words of a note or a server stand", async () => {
    const attacks = [
      "<script>document.title='owned'</script>",
      '<img src=x onerror="document.title=`owned`">',
      "<svg/onload=document.title='owned'>",
      '"><iframe srcdoc="<script>parent.document.title=1</script>"></iframe>',
      "javascript:document.title='owned'",
      "</textarea><style>*{display:none}</style>",
      "{{constructor.constructor('document.title=1')()}}",
      "&lt;b&gt;&#x3C;script&#x3E;",
      "__proto__",
      "toString",
    ];
    const text = `体温38℃ ${attacks.join("\n")} 完`;
    await visit(
      async (page) => {
        await show(page, text, assessmentOf(text, attacks));
        for (const attack of attacks)
          assert.ok((await page.locator(".marked-note mark").allTextContents()).includes(attack), attack);
        assert.match(await page.title(), /^Assistant/);
        const made = await page.evaluate(
          () =>
            document.querySelectorAll(
              ".assistant :is(script, img, iframe, style, b b), .assistant [onload], .assistant [onerror], .assistant [style]",
            ).length,
        );
        assert.equal(made, 0);
        await page.pdf();
        assert.match(await page.title(), /^Assistant/);
      },
      { hash: "" },
    );
  });

  test("offsets hold beside full-width digits, emoji, combining characters and hidden characters", async () => {
    const words = ["３８．５℃", "😷Ｔ", "e\u0301\u0302", "𠮷12", "\u202E6.83\u202C", "WB\u200BC 1\u200D5", "👩‍⚕️ 98%"];
    const text = `🤒患儿，体温${words.join("；🌡️")}。`;
    await visit(
      async (page) => {
        await show(page, text, assessmentOf(text, words));
        assert.deepEqual(await page.locator(".marked-note mark").allTextContents(), words);
        const codes = await page
          .locator(".marked-note .hidden-character")
          .evaluateAll((nodes) => nodes.map((node) => node.getAttribute("data-code")));
        assert.deepEqual(codes, ["U+202E", "U+202C", "U+200B", "U+200D"]);
        // The override turns nothing around: what follows it stands to its right.
        const order = await page.evaluate(() => {
          const node = [...document.querySelectorAll(".marked-note mark")].find((each) =>
            each.textContent?.includes("6.83"),
          );
          const digits = [...(node?.childNodes ?? [])].find((each) => each.nodeType === Node.TEXT_NODE) as Text;
          return [0, 1, 2, 3].map((i) => {
            const range = document.createRange();
            range.setStart(digits, i);
            range.setEnd(digits, i + 1);
            return range.getBoundingClientRect().left;
          });
        });
        assert.deepEqual(
          order,
          order.toSorted((a, b) => a - b),
        );
        assert.deepEqual(await page.evaluate(() => [document.documentElement.scrollWidth > innerWidth]), [false]);
      },
      { hash: "" },
    );
  });

  test("spans that lie outside of the note, cut a character or contradict themselves break nothing", async () => {
    const text = "😷体温38.5℃";
    const places: [number, number][] = [
      [-5, 3],
      [1, 4],
      [3, 2],
      [4, 999],
      [999, 1000],
      [0, 0],
      [Number.MAX_SAFE_INTEGER, 2],
    ];
    const items = places.map(
      ([start, end]): Item => ({ code: "8310-5", value: 38.5, unit: "Cel", text: "?", start, end, status: "current" }),
    );
    await visit(
      async (page) => {
        await show(page, text, {
          ...fixtures.pneumonia,
          items,
          differential: [],
          redFlags: [],
          scope: { inside: false, reasons: [] },
        });
        const marks = await page.locator(".marked-note mark").allTextContents();
        assert.ok(
          marks.every((mark) => mark.isWellFormed()),
          `${marks}`,
        );
        assert.equal(await page.locator(".values tbody tr").count(), 3);
      },
      { hash: "" },
    );
  });

  test("100 000 characters, in one line or in many, with a thousand marks, are shown before one gives up", async () => {
    const long = "体温38.5℃，咳嗽。".repeat(10_000).slice(0, 100_000);
    const items = Array.from(
      { length: 1000 },
      (_, i): Item => ({
        code: "8310-5",
        value: 38.5,
        unit: "Cel",
        text: "38.5℃",
        start: i * 10 + 2,
        end: i * 10 + 7,
        status: "current",
      }),
    );
    await visit(
      async (page) => {
        for (const text of [long, long.replaceAll("，咳嗽。", "\n\n\n\n")]) {
          stage().server.behaviour.assess = () => ({
            body: { ...fixtures.pneumonia, items, redFlags: [], differential: [] },
          });
          const start = performance.now();
          await assessNote(page, text);
          await page.waitForFunction(
            (length) => document.querySelector(".marked-note")?.textContent?.length === length,
            text.length,
          );
          const took = performance.now() - start;
          // A fraction of a second on a quiet machine; what grows with the square of the length takes five and more.
          assert.ok(took < 4000, `${took.toFixed(0)} ms`);
          assert.equal(await page.locator(".marked-note mark").count(), 1000);
          await page.keyboard.press("e");
        }
        const line = "x".repeat(100_000);
        await show(page, line, { ...fixtures.pneumonia, items: [], redFlags: [] });
        assert.equal(
          await page.evaluate(() => document.documentElement.scrollWidth > innerWidth),
          false,
          "no line is too long",
        );
      },
      { hash: "" },
    );
  });
});
