import assert from "node:assert/strict";
import { test } from "node:test";
import { complete, describeInBrowser } from "./browser.ts";
import type { FakeToken } from "./fake-server.ts";
import { findFaults } from "./looks.ts";

describeInBrowser("how the page looks", (stage, visit) => {
  test("the coloured copy lies exactly under the letters of the text field", async () => {
    const word = "unbreakable".repeat(20);
    const hard: FakeToken[] = [[`${word}\ta\n\n  b\n`, -1]];
    stage().server.behaviour.tokens = hard;
    for (const width of [320, 1280]) {
      await visit(
        async (page) => {
          await complete(page, "A line of words that wraps. ".repeat(30));
          const sizes = await page.evaluate(() => {
            const area = document.querySelector("textarea") as HTMLTextAreaElement;
            const mirror = document.querySelector(".editor-mirror") as HTMLElement;
            return [
              area.scrollHeight,
              area.clientHeight,
              mirror.getBoundingClientRect().height,
              area.clientWidth - mirror.clientWidth,
            ];
          });
          assert.ok(Math.abs(sizes[0] - sizes[2]) <= 1 && sizes[0] <= sizes[1] + 1 && sizes[3] === 0, `${sizes}`);
        },
        { viewport: { width, height: 700 } },
      );
    }
  });

  for (const [width, height] of [
    [320, 568],
    [360, 740],
    [1280, 800],
    [2560, 1440],
    [3840, 2160],
  ]) {
    test(`at ${width} × ${height} nothing is cut off, in light and dark, with contrast and names`, async () => {
      for (const colorScheme of ["light", "dark"] as const) {
        await visit(
          async (page) => {
            await complete(page, "The");
            for (const probabilities of [false, true]) {
              await page.getByLabel("Probabilities").setChecked(probabilities);
              assert.deepEqual(await page.evaluate(findFaults), [], `${colorScheme}, probabilities ${probabilities}`);
            }
            const buttons = await page
              .locator(".bar:visible .button")
              .evaluateAll((nodes) =>
                nodes
                  .map((node) => node.getBoundingClientRect())
                  .every(({ right, bottom }) => right <= innerWidth && bottom <= innerHeight),
              );
            assert.ok(buttons, "every button is on the screen");
          },
          { viewport: { width, height }, colorScheme, reducedMotion: "reduce" },
        );
      }
    });
  }
});
