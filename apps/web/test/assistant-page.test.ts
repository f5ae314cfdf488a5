import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
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

  test("no age: outside of the scope, no ranking; the age entered is sent", async () => {
    answer(fixtures.ageless);
    await visit(
      async (page) => {
        await assess(page, "咳嗽3天，体温38.5℃。");
        assert.equal(await page.locator(".candidate, .missing").count(), 0);
        assert.match((await page.textContent("section.differential")) ?? "", /no ranking.*The age is not in the note/);
        await press(page, "Enter the age");
        await page.keyboard.type("1x");
        await page.keyboard.press("Control+Enter");
        await page.getByText("Whole numbers").waitFor();
        await page.keyboard.press("Backspace");
        await page.keyboard.press("Tab");
        await page.keyboard.type("6");
        answer(fixtures.adult);
        await page.keyboard.press("Control+Enter");
        await page.getByText("The patient is 18 or older.").waitFor();
        assert.deepEqual(lastRequest(stage()), { text: "咳嗽3天，体温38.5℃。", ageMonths: 18 });
        assert.match((await page.textContent(".red-flags")) ?? "", /does not rule out danger/);
      },
      { hash: "" },
    );
  });

  test("every failure says what to do, and nothing typed is lost", async () => {
    const failures: [number, string, RegExp][] = [
      [413, "note_too_long", /too long for the server.*Leave out/],
      [429, "rate_limited", /too much to do.*Try again/],
      [503, "model_not_installed", /No diagnosis model is installed.*clinic train/],
      [503, "not_ready", /not ready yet/],
      [404, "unknown_url", /no diagnosis service/],
      [403, "wrong_role", /may not assess/],
      [500, "", /The server failed\./],
      [200, "", /not one that this page understands/],
    ];
    await visit(
      async (page) => {
        await page.fill(".note-input", notes.asthma);
        for (const [status, code, message] of failures) {
          const headers = status === 429 ? { "Retry-After": "1" } : undefined;
          stage().server.behaviour.assess = () => ({
            status,
            body: { error: { message: "<b>x</b>", code } },
            ...(headers ? { headers } : {}),
          });
          await page.keyboard.press("Control+Enter");
          await page.locator(".problem .notice", { hasText: message }).waitFor();
          assert.match((await page.textContent(".problem")) ?? "", /The note is kept\./);
          assert.equal(await page.inputValue(".note-input"), notes.asthma);
          assert.equal(await page.locator(".notice-text b").count(), 1, "the server's words are text");
          if (status === 429) assert.match(await page.locator(".problem .button").first().innerText(), /in 1 s/);
        }
        await page.context().setOffline(true);
        await page.keyboard.press("Control+Enter");
        await page.getByText("The server cannot be reached.").waitFor();
        await page.context().setOffline(false);
        answer(fixtures.asthma);
        await press(page, "Try again");
        await page.waitForSelector(".results");
        assert.equal(await page.locator(".problem .notice").count(), 0);
        await press(page, "Edit");
        await page.fill(".note-input", "x".repeat(100_001));
        await page.keyboard.press("Control+Enter");
        assert.match(
          await page.locator("#assistant-note-error").innerText(),
          /100,001 characters; 100,000 is the most/,
        );
      },
      { hash: "" },
    );
  });

  test("an answer of another shape is no result; long lists are folded; a note not assessed is not left unasked", async () => {
    await visit(
      async (page) => {
        const [first, ...others] = fixtures.pneumonia.differential;
        const evidence = Array.from({ length: 9 }, (_, i) => ({ ...first.for[0], weight: 1 - i / 10 }));
        const unknown = { ...others[0], probability: Number.NaN, low: Number.NaN, high: Number.NaN };
        const tests = Array.from({ length: 20 }, () => fixtures.pneumonia.missing[0]);
        const differential = [{ ...first, for: evidence }, unknown];
        answer({ ...fixtures.pneumonia, differential, missing: tests });
        await assess(page, notes.pneumonia);
        assert.equal(await page.locator(".evidence-entry:visible").count(), 5 + first.against.length);
        await press(page, "Show 4 more");
        assert.equal(await page.locator(".evidence-entry:visible").count(), 9 + first.against.length);
        assert.equal(await page.locator(".missing tbody tr:visible").count(), 6);
        assert.match(
          (await page.locator(".candidate").nth(1).textContent()) ?? "",
          /–/,
          "a disease that the model does not know",
        );

        await press(page, "Edit");
        await page.keyboard.insertText("x");
        answer({ ...fixtures.pneumonia, items: [null] } as unknown as Assessment);
        await page.keyboard.press("Control+Enter");
        await page.getByText("not one that this page understands").waitFor();
        assert.equal(await page.locator(".candidate, .red-flags").count(), 0, "half a result is none");
        await page.keyboard.press("e");
        await page.keyboard.insertText("y");
        const leave = () => page.evaluate(() => !dispatchEvent(new Event("beforeunload", { cancelable: true })));
        assert.equal(await leave(), true, "asked before it is lost");
        answer(fixtures.pneumonia);
        await page.keyboard.press("Control+Enter");
        await page.waitForSelector(".results");
        assert.equal(await leave(), false);
      },
      { hash: "" },
    );
  });

  test("a locked server asks for its key; a request is cancelled; a change leaves it", async () => {
    stage().server.behaviour.apiKey = "letmein";
    await visit(
      async (page) => {
        answer(fixtures.asthma);
        await page.fill(".note-input", notes.asthma);
        await press(page, "Assess");
        await press(page, "Enter key");
        await page.getByRole("textbox", { name: "API key" }).fill("letmein");
        await page.keyboard.press("Enter");
        await page.waitForSelector(".results");
        await press(page, "Edit");

        stage().server.behaviour.assess = async () => {
          await sleep(400);
          return { body: fixtures.infant };
        };
        await page.keyboard.press("Control+Enter");
        await page.getByRole("button", { name: "Cancel" }).waitFor();
        await page.keyboard.press("Escape");
        assert.match((await page.textContent("[role=status]")) ?? "", /^Cancelled\./);
        await page.keyboard.press("Control+Enter");
        await page.keyboard.insertText("!");
        assert.match((await page.textContent("[role=status]")) ?? "", /because the note changed/);
        await sleep(500);
        assert.equal(await page.locator(".red-flags[data-none]").count(), 1, "no late answer came in");
      },
      { hash: "" },
    );
  });
});
