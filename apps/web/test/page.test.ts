import assert from "node:assert/strict";
import { test } from "node:test";
import { complete, describeInBrowser, idle, lastRequest, press, textOf } from "./browser.ts";
import { storyText } from "./fake-server.ts";

describeInBrowser("writing with the model", (stage, visit) => {
  test("continues a text in place, tinted, with figures; Undo, Redo, Regenerate", async () => {
    await visit(async (page) => {
      await page.getByLabel("Seed").fill("5");
      await complete(page, "The captain came");
      assert.equal(await textOf(page), `The captain came${storyText}`);
      assert.equal(await page.textContent(".editor-mirror .by-model"), storyText);
      assert.equal(await page.textContent(".editor-mirror .by-user"), "The captain came");
      const { prompt, seed, logprobs, max_tokens: most } = lastRequest(stage());
      assert.deepEqual([prompt, seed, logprobs, most], ["The captain came", 5, 5, 128]);
      const figures = (await page.textContent(".complete .stats")) ?? "";
      assert.match(figures, /tokens\/s.*First token.*ms.*12 \+ 11 of 512.*Perplexity/);

      await press(page, "Undo");
      assert.equal(await textOf(page), "The captain came");
      await press(page, "Redo");
      assert.equal(await textOf(page), `The captain came${storyText}`);

      stage().server.behaviour.tokens = [[" again", -1]];
      await press(page, "Regenerate");
      await page.waitForFunction(() => document.querySelector("textarea")?.value.endsWith(" again"));
      await idle(page);
      assert.equal(await textOf(page), "The captain came again");
      assert.deepEqual([lastRequest(stage())["prompt"], lastRequest(stage())["seed"]], ["The captain came", 6]);
    });
  });

  test("the keyboard alone does: type, continue, stop, undo", async () => {
    await visit(async (page) => {
      stage().server.behaviour.delayMilliseconds = 60;
      const before = stage().server.left.count;
      assert.equal(await page.evaluate(() => document.activeElement?.className), "editor-input");
      await page.keyboard.type("Once");
      await page.keyboard.press("Control+Enter");
      await page.waitForFunction(() => (document.querySelector("textarea")?.value.length ?? 0) > 8);
      await page.keyboard.press("Escape");
      await idle(page);
      const kept = await textOf(page);
      assert.ok(kept.startsWith("Once and") && kept.length < `Once${storyText}`.length, kept);
      assert.match((await page.textContent(".complete .stats")) ?? "", /by you/);
      assert.match((await page.textContent("[role=status]")) ?? "", /^Stopped after \d+ tokens\.$/);
      assert.equal(stage().server.left.count, before + 1, "the server was left, so it can stop too");
      await page.keyboard.press("Control+z");
      assert.equal(await textOf(page), "Once");
      await page.keyboard.press("Control+y");
      assert.equal(await textOf(page), kept);
    });
  });

  test("what a person types into the model's text is hers", async () => {
    await visit(async (page) => {
      await complete(page, "A");
      await page.focus(".editor-input");
      await page.evaluate(() => document.querySelector("textarea")?.setSelectionRange(5, 5));
      await page.keyboard.type(" BIG");
      const runs = await page.locator(".editor-mirror > :not(.cursor)").allTextContents();
      assert.deepEqual(runs, ["A", " and", " BIG", storyText.slice(4)]);
    });
  });

  test("probabilities: shades, alternatives by mouse and keys, and another way from one", async () => {
    await visit(async (page) => {
      await complete(page, "The");
      await page.getByLabel("Probabilities").check();
      const tokens = page.locator(".complete .token-flow [role=button]");
      assert.deepEqual(await tokens.allTextContents(), [
        " and",
        " the",
        " rain",
        " fell",
        ".",
        "\n",
        "Ca",
        "f",
        "é",
        " closed",
      ]);
      const shades = await tokens.evaluateAll((nodes) =>
        nodes.map((node) => Number((node as HTMLElement).style.getPropertyValue("--shade"))),
      );
      assert.ok(shades[9] > shades[2] && shades[2] > shades[0], `${shades}`);
      const colours = await tokens.evaluateAll((nodes) => nodes.map((node) => getComputedStyle(node).backgroundColor));
      assert.notEqual(colours[9], colours[0]);

      await tokens.nth(2).click();
      const rows = await page.locator(".alternatives-row").allTextContents();
      assert.equal(rows.length, 7);
      assert.deepEqual([rows[0], rows[5]], ["␣wind41 %", "␣rainwritten2 %"]);
      assert.match(rows[6], /^all others/);
      assert.equal(await tokens.nth(2).getAttribute("aria-expanded"), "true");

      await page.keyboard.press("ArrowLeft");
      assert.match((await page.textContent(".alternatives-head")) ?? "", /^␣the33 %/);
      await page.keyboard.press("Escape");
      assert.equal(await page.locator(".alternatives").first().isVisible(), false);
      await page.keyboard.press("Enter");
      await page.keyboard.press("Enter");
      assert.equal(await page.evaluate(() => document.activeElement?.textContent), "␣a25 %");

      stage().server.behaviour.tokens = [[" ship", -0.5, { " ship": -0.5 }]];
      await page.keyboard.press("Enter");
      await page.waitForFunction(() => document.querySelector(".complete .token-flow")?.textContent?.endsWith(" ship"));
      await idle(page);
      assert.equal(lastRequest(stage())["prompt"], "The and a");
      assert.deepEqual(await tokens.allTextContents(), [" and", " a", " ship"]);
      await press(page, "Undo");
      assert.equal(await page.textContent(".complete .token-flow"), `The${storyText}`);
      assert.match((await tokens.nth(8).getAttribute("aria-label")) ?? "", /^é, 73 %$/);
    });
  });

  test("chat: says what the model is, answers, tries again, takes back", async () => {
    await visit(async (page) => {
      await page.getByRole("radio", { name: "Chat" }).check({ force: true });
      assert.match(
        (await page.textContent(".honest")) ?? "",
        /trained on books of Project Gutenberg and has not learnt to converse/,
      );
      await page.fill(".composer-input", "Who are you?");
      await page.keyboard.press("Enter");
      await page.waitForSelector(".message.assistant");
      await idle(page, "chat");
      assert.equal(await page.textContent(".message.assistant .token-flow"), storyText.trimStart());
      assert.deepEqual(lastRequest(stage())["messages"], [{ role: "user", content: "Who are you?" }]);
      assert.deepEqual([lastRequest(stage())["logprobs"], lastRequest(stage())["top_logprobs"]], [true, 5]);

      stage().server.behaviour.status = { code: 500, message: "no memory" };
      await press(page, "Regenerate");
      await page.locator(".chat .notice").waitFor();
      assert.equal(
        await page.textContent(".message.assistant .token-flow"),
        storyText.trimStart(),
        "the old answer is back",
      );
      delete stage().server.behaviour.status;
      stage().server.behaviour.tokens = [["Nobody.", -1]];
      await press(page, "Try again");
      await page.getByText("Nobody.").waitFor();
      await idle(page, "chat");
      await page.fill(".composer-input", "");
      await press(page, "Undo");
      await press(page, "Undo");
      assert.equal(await page.locator(".message").count(), 0);
      assert.equal(await page.inputValue(".composer-input"), "Who are you?");
    });
    stage().server.behaviour.chat = true;
    await visit(async (page) => {
      await page.getByRole("radio", { name: "Chat" }).check({ force: true });
      assert.equal(await page.locator(".honest").isVisible(), false);
    });
  });
});
