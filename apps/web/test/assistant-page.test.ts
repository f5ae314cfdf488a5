import assert from "node:assert/strict";
import { test } from "node:test";
import type { Assessment } from "@baltoro/clinic";
import type { Page } from "playwright-core";
import * as fixtures from "./assessments.ts";
import { assessNote, describeInBrowser, lastRequest, press } from "./browser.ts";

const { notes } = fixtures;

/** Writes a note and has it assessed. */
async function assess(page: Page, text: string): Promise<void> {
  await assessNote(page, text);
  await page.waitForSelector(".results");
}

const focused = (page: Page) => page.evaluate(() => document.activeElement?.textContent ?? "");

describeInBrowser("the Assistant page", (stage, visit) => {
  const answer = (assessment: Assessment) => {
    stage().server.behaviour.assess = () => ({ body: assessment });
  };

  test("is the start; shows red flags first, then note, differential, values, missing tests, notices, model", async () => {
    answer(fixtures.infant);
    await visit(
      async (page) => {
        assert.match(await page.title(), /^Assistant/);
        assert.equal(await page.getAttribute(".navigation a:first-child", "aria-current"), "page");
        await assess(page, notes.infant);
        assert.deepEqual(lastRequest(stage()), { text: notes.infant });
        const headings = await page.locator("h2:visible").allTextContents();
        assert.deepEqual(headings.slice(0, 4), ["Red flags", "Note", "Results", "Differential"]);
        const severities = await page.locator(".severity").allTextContents();
        assert.deepEqual(severities, ["Emergency", "Emergency", "Urgent", "Urgent"]);
        const candidates = await page.locator(".candidate").allTextContents();
        assert.match(candidates[0], /^Acute bronchitisJ20\.948% \(37% to 60%\)Cannot be set aside/);
        assert.match(candidates[3], /Set aside at 90% confidence$/);
        assert.match(
          (await page.textContent(".differential .caution")) ?? "",
          /do not lean on this ranking.*No disease stands out/,
        );
        const bar = page.locator(".candidate").first().locator(".bar-fill");
        assert.equal(await bar.getAttribute("width"), "48.00%");
        const temperature = page.locator(".values tr", { hasText: "Temperature" });
        assert.match((await temperature.textContent()) ?? "", /H ↑high38°C36\.5–37\.5$/);
        assert.match((await page.locator(".values tr:has(.earlier)").textContent()) ?? "", /38\.2→$/);
        assert.match((await page.locator(".values tr", { hasText: "SpO₂" }).textContent()) ?? "", /L ↓low90%92–100/);
        assert.match(
          (await page.locator(".missing tbody tr").first().textContent()) ?? "",
          /Chest X-ray0\.42 bit±16±19±2±3/,
        );
        assert.deepEqual(
          await page.locator(".notices li").allTextContents(),
          fixtures.infant.notices.map(({ en }) => en),
        );
        const about = (await page.textContent(".about")) ?? "";
        for (const part of [
          "clinic-fusion",
          "0.1.0",
          fixtures.infant.model.hash,
          fixtures.infant.note.sha256,
          "synthetic notes only",
        ]) {
          assert.ok(about.includes(part), part);
        }
        assert.equal(await page.textContent(".marked-note"), notes.infant);
      },
      { hash: "" },
    );
  });

  test("a finding marks its place in the note and the reverse, with pointer and keys", async () => {
    answer(fixtures.pneumonia);
    await visit(
      async (page) => {
        await assess(page, notes.pneumonia);
        const marked = async () => (await page.locator(".marked-note [data-active]").allTextContents()).join("");
        await page.locator(".values tr", { hasText: "CRP" }).hover();
        assert.equal(await marked(), "48mg/L");
        await page.locator(".marked-note mark", { hasText: "右下肺可闻及固定细湿啰音" }).hover();
        assert.deepEqual(await page.locator(".evidence [data-active] q").allTextContents(), [
          "右下肺可闻及固定细湿啰音",
        ]);
        await page.locator(".place").focus();
        assert.equal(await marked(), "R 46次/分", "a red flag's place, though a value lies in it");

        const evidence = page.locator(".evidence-entry").first();
        await evidence.focus();
        await page.keyboard.press("Enter");
        assert.equal(await focused(page), "右下肺可闻及固定细湿啰音");
        assert.ok(await page.evaluate(() => document.activeElement?.closest(".marked-note") !== null));
        await page.keyboard.press("Enter");
        assert.ok(await evidence.evaluate((node) => node === document.activeElement), "and back");

        const layers = (text: string) =>
          page.locator(".marked-note mark", { hasText: text }).first().getAttribute("data-layers");
        assert.equal(await layers("胸片"), "value for");
        await page.getByRole("tab", { name: /Acute bronchitis/ }).click();
        assert.equal(await layers("胸片"), "value against", "evidence is that of the disease looked at");
        assert.equal(await page.textContent(".evidence h3"), "Evidence: Acute bronchitis");
      },
      { hash: "#/assistant", reducedMotion: "reduce" },
    );
  });

  test("the keyboard alone does everything", async () => {
    answer(fixtures.infant);
    await visit(
      async (page) => {
        assert.equal(await page.evaluate(() => document.activeElement?.className), "note-input");
        await page.keyboard.insertText(notes.infant);
        await page.keyboard.press("Control+Enter");
        await page.waitForSelector(".results");
        assert.equal(await focused(page), "Red flags", "where reading begins");
        await page.keyboard.press("Tab");
        assert.equal(await focused(page), "血氧饱和度90%（未吸氧）");
        await page.keyboard.press("ArrowDown");
        assert.equal(await focused(page), "今晨拒奶");
        await page.keyboard.press("d");
        assert.match(await focused(page), /^Acute bronchitis/);
        await page.keyboard.press("ArrowDown");
        assert.match(await focused(page), /^Pneumonia/);
        assert.equal(await page.textContent(".evidence h3"), "Evidence: Pneumonia", "the tab follows the focus");
        await page.keyboard.press("Tab");
        assert.match(await focused(page), /^肺底少许细湿啰音/);
        await page.keyboard.press("v");
        assert.equal(await focused(page), "Values");
        await page.keyboard.press("Tab");
        await page.keyboard.press("End");
        assert.equal(await focused(page), "positive");
        await page.keyboard.press("m");
        assert.equal(await focused(page), "Tests that would tell more");
        await page.keyboard.press("t");
        assert.ok(await page.evaluate(() => document.activeElement?.matches(".marked-note mark")));
        await page.keyboard.press("?");
        assert.ok(await page.locator("dialog.keys").isVisible());
        await page.getByRole("switch", { name: /Single letters/ }).uncheck();
        await page.keyboard.press("Escape");
        await page.keyboard.press("e");
        assert.ok(!(await page.locator(".note-input").isVisible()), "letters are off");
        await press(page, "Edit");
        assert.equal(await page.evaluate(() => document.activeElement?.className), "note-input");
        await page.keyboard.press("e");
        assert.match(await page.inputValue(".note-input"), /e/, "a text field keeps its letters");
        assert.ok(await page.locator(".stale").isVisible(), "the results are said to be of the note before");
        // Tab leaves the text field and every stop can be seen.
        for (let i = 0; i < 40; i++) {
          await page.keyboard.press("Tab");
          const stop = await page.evaluate(() => {
            const at = document.activeElement;
            const style = at ? getComputedStyle(at) : undefined;
            return {
              body: at === document.body,
              ring:
                style?.outlineStyle !== "none" ||
                (at?.nextElementSibling && getComputedStyle(at.nextElementSibling).outlineStyle !== "none"),
            };
          });
          if (stop.body) break;
          assert.ok(stop.ring, await page.evaluate(() => document.activeElement?.outerHTML.slice(0, 120) ?? ""));
        }
      },
      { hash: "" },
    );
  });

  test("Chinese and English: switched, remembered, with the right lang, and the note stays", async () => {
    answer(fixtures.asthma);
    await visit(
      async (page) => {
        await assess(page, notes.asthma);
        assert.equal(await page.getAttribute("html", "lang"), "zh-Hans", "the browser's language");
        assert.equal(await page.textContent(".candidate-name"), "哮喘J45.9");
        assert.equal(await page.getAttribute(".marked-note", "lang"), "en");
        assert.equal(await page.getAttribute(".evidence q", "lang"), "en");
        await page.getByRole("tab", { name: /支气管炎/ }).click();
        await page.getByRole("radio", { name: "English" }).check({ force: true });
        assert.equal(await page.getAttribute("html", "lang"), "en");
        assert.equal(await page.textContent(".evidence h3"), "Evidence: Acute bronchitis", "what was looked at stays");
        assert.equal(await page.textContent(".marked-note"), notes.asthma);
        assert.doesNotMatch(await page.locator(".assistant").innerText(), /\p{Script=Han}/u);
        await press(page, "Edit");
        await page.locator(".note-input").press("End");
        await page.getByRole("radio", { name: "中文" }).check({ force: true });
        assert.equal(await page.inputValue(".note-input"), notes.asthma);
        await page.getByRole("link", { name: "对话" }).click();
        assert.equal(
          await page.locator(".chat-page").evaluate((node) => node.closest("[lang]")?.getAttribute("lang")),
          "en",
        );
        await page.goto(`${stage().server.url}/`);
        await page.reload();
        await page.waitForSelector(".assistant");
        assert.equal(await page.textContent(".intro h2"), "从入院病历到鉴别诊断", "remembered");
        assert.equal(await page.inputValue(".note-input"), "", "the note is not");
      },
      { hash: "", locale: "zh-CN" },
    );
  });

  test("a note is kept nowhere and stands in no address", async () => {
    answer(fixtures.asthma);
    await visit(
      async (page) => {
        await assess(page, `canary ${notes.asthma}`);
        const kept = await page.evaluate(() =>
          JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, location.href, history.state]),
        );
        assert.doesNotMatch(kept, /canary|salbutamol/);
        assert.ok(stage().server.paths.every((path) => !/canary|salbutamol/.test(path)));
        assert.equal(
          await page.evaluate(async () => (await indexedDB.databases()).length + (await caches.keys()).length),
          0,
        );
      },
      { hash: "" },
    );
  });

  test("examples, files and pasted notes are read at once; the note before can be had back", async () => {
    answer(fixtures.pneumonia);
    await visit(
      async (page) => {
        assert.equal(await page.locator(".example .badge", { hasText: "Synthetic" }).count(), 3);
        await page.locator(".example").first().click();
        await page.waitForSelector(".results");
        assert.deepEqual(lastRequest(stage()), { text: notes.pneumonia });
        const gbk = Buffer.from([0xcc, 0xe5, 0xce, 0xc2, 0x33, 0x39, 0x0d, 0x0a, 0x63]);
        await page.setInputFiles("input[type=file]", { name: "note.txt", mimeType: "text/plain", buffer: gbk });
        await page.waitForFunction(() => document.querySelector(".marked-note")?.textContent?.startsWith("体温39"));
        assert.deepEqual(lastRequest(stage()), { text: "体温39\nc" });
        await page.setInputFiles("input[type=file]", {
          name: "scan.pdf",
          mimeType: "application/pdf",
          buffer: Buffer.from([0, 1, 0]),
        });
        await page.getByText("scan.pdf is not a text file").waitFor();
        await press(page, "Previous note");
        assert.equal(await page.textContent(".marked-note"), notes.pneumonia);
        await press(page, "New note");
        const drop = await page.evaluateHandle(() => {
          const data = new DataTransfer();
          data.items.add(new File(["dropped"], "d.txt", { type: "text/plain" }));
          return data;
        });
        await page.dispatchEvent(".assistant", "drop", { dataTransfer: drop });
        await page.waitForSelector(".results");
        assert.deepEqual(lastRequest(stage()), { text: "dropped" });
        await press(page, "New note");
        await page.evaluate(() => {
          const field = document.querySelector(".note-input") as HTMLTextAreaElement;
          field.dispatchEvent(new ClipboardEvent("paste", { bubbles: true }));
          field.value = "pasted";
          field.dispatchEvent(new InputEvent("input", { bubbles: true }));
        });
        await page.waitForSelector(".results");
        assert.deepEqual(lastRequest(stage()), { text: "pasted" });
      },
      { hash: "" },
    );
  });
});
