import assert from "node:assert/strict";
import { test } from "node:test";
import { complete, describeInBrowser, idle, press, textOf } from "./browser.ts";
import { storyText } from "./fake-server.ts";

describeInBrowser("errors, hostile text, locked servers, drafts", (stage, visit) => {
  test("hostile text of a model is shown as text, in every view", async () => {
    const attack = '<img src=x onerror="document.title=1"><script>document.title=2</script>';
    stage().server.behaviour.tokens = [[attack, -1, { [attack]: -1, "<svg onload=document.title=3>": -2 }]];
    await visit(async (page) => {
      const harmless = async () => {
        assert.equal(await page.locator(".page :is(img, script, svg[onload])").count(), 0);
        assert.equal(await page.title(), "Chat · Baltoro");
      };
      await complete(page, "<b>x</b>");
      assert.equal(await textOf(page), `<b>x</b>${attack}`);
      await page.getByLabel("Probabilities").check();
      await page.click(".complete .token-flow [role=button]");
      assert.match((await page.textContent(".alternatives")) ?? "", /<svg␣onload=document\.title=3>/);
      await harmless();
      await page.getByRole("radio", { name: "Chat" }).check({ force: true });
      await page.fill(".composer-input", "<i>hi</i>");
      await page.keyboard.press("Enter");
      await page.waitForSelector(".message.assistant");
      await idle(page, "chat");
      assert.equal(await page.textContent(".message.assistant .token-flow"), attack);
      assert.equal(await page.textContent(".message.user .token-flow"), "<i>hi</i>");
      await harmless();
    });
  });

  test("errors are told in place, the text stays, and trying again goes on", async () => {
    await visit(async (page) => {
      const { behaviour } = stage().server;
      const notice = page.locator(".complete .notice");
      const cases: [number, string, RegExp][] = [
        [400, "temperature: Too big", /refused the request: temperature: Too big\. Change/],
        [500, "no memory", /The server failed: no memory\. Try again/],
        [503, "the engine is gone", /The server failed: the engine is gone\./],
      ];
      await page.fill(".editor-input", "Kept");
      for (const [code, message, said] of cases) {
        behaviour.status = { code, message };
        await press(page, "Continue");
        await notice.waitFor();
        assert.match((await notice.textContent()) ?? "", said);
        assert.equal(await textOf(page), "Kept");
      }
      behaviour.status = { code: 429, message: "busy", headers: { "Retry-After": "1" } };
      await press(page, "Continue");
      const again = page.getByRole("button", { name: /^Try again in 1 s$/ });
      await again.waitFor();
      assert.equal(await again.isDisabled(), true);
      delete behaviour.status;
      behaviour.cutAfter = 2;
      await press(page, "Try again");
      await notice.waitFor();
      assert.match((await notice.textContent()) ?? "", /broke off before its end\. What came is kept/);
      assert.equal(await textOf(page), "Kept and the");

      delete behaviour.cutAfter;
      behaviour.failAfter = 1;
      await press(page, "Try again");
      await page.getByText("thread died").waitFor();
      assert.equal(await textOf(page), "Kept and the and");
      delete behaviour.failAfter;

      await page.route("**/v1/completions", (route) => route.abort("connectionrefused"));
      await press(page, "Try again");
      await page.getByText("cannot be reached").waitFor();
      await page.unroute("**/v1/completions");
      await press(page, "Try again");
      await page.waitForFunction((end) => document.querySelector("textarea")?.value.endsWith(end), storyText);
      await idle(page);
      assert.equal(await notice.count(), 0);
      assert.equal(await textOf(page), `Kept and the and${storyText}`);
    });
  });

  test("a server with a key: it is asked for, a wrong one is asked for again, and it stays in the tab", async () => {
    stage().server.behaviour.apiKey = "right";
    await visit(async (page) => {
      const dialog = page.getByRole("dialog");
      await dialog.getByLabel("API key").fill("wrong");
      await page.keyboard.press("Enter");
      await dialog.getByText("did not take").waitFor();
      await press(page, "Cancel");
      await page.locator(".notice", { hasText: "asks for an API key" }).waitFor();
      await page.fill(".editor-input", "Locked");
      await press(page, "Continue");
      await dialog.getByLabel("API key").fill("right");
      await press(page, "Use this key");
      await page.waitForFunction((end) => document.querySelector("textarea")?.value.endsWith(end), storyText);
      await idle(page);
      assert.equal(await page.locator(".notice").count(), 0);
      assert.equal(await page.evaluate(() => JSON.stringify({ ...localStorage }).includes("right")), false);
      await page.reload();
      await page.waitForSelector("#setting-model option[value]", { state: "attached" });
      assert.equal(await dialog.isVisible(), false);
    });
  });

  test("text, conversation, settings and probabilities are there after a reload", async () => {
    await visit(async (page) => {
      await page.getByLabel("Most tokens").fill("77");
      await complete(page, "Draft");
      await page.getByRole("radio", { name: "Chat" }).check({ force: true });
      await page.fill(".composer-input", "unsent");
      await page.reload();
      assert.equal(await page.inputValue(".composer-input"), "unsent");
      assert.equal(await page.inputValue("#setting-maxTokens"), "77");
      await page.getByRole("radio", { name: "Complete" }).check({ force: true });
      assert.equal(await textOf(page), `Draft${storyText}`);
      await page.getByLabel("Probabilities").check();
      assert.equal(await page.locator(".complete .token-flow [role=button]").count(), 10);
    });
  });

  test("a setting that makes no sense is shown, and nothing is asked", async () => {
    await visit(
      async (page) => {
        await press(page, "Settings");
        await page.getByLabel("Most tokens").fill("0");
        await press(page, "Close settings");
        await page.fill(".editor-input", "x");
        await press(page, "Continue");
        await page.getByText("Enter a whole number from 1.").waitFor();
        assert.equal(await page.evaluate(() => document.activeElement?.id), "setting-maxTokens");
        assert.equal(stage().server.requests.length, 0);
        assert.equal(await textOf(page), "x");
      },
      { viewport: { width: 360, height: 740 } },
    );
  });
});
