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

describeInBrowser("the Assistant page where something is missing or fails", (stage, visit) => {
  const answer = (assessment: Assessment) => {
    stage().server.behaviour.assess = () => ({ body: assessment });
  };

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
          const wait = code === "model_not_installed" ? "3600" : "1";
          const headers = status === 429 || status === 503 ? { "Retry-After": wait } : undefined;
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
          if (code === "model_not_installed") {
            assert.ok(await page.getByRole("button", { name: "Try again" }).isEnabled(), "it may be there at once");
          }
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
