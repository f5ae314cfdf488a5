import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import OpenAI from "openai";

const root = join(import.meta.dirname, "../../..");

/** What `npm start` runs, on a free port. Resolves with the API's address. */
function start(args: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [join(root, "apps/cli/bin/baltoro.js"), "serve", ...args], {
    env: { ...process.env, PORT: "0", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const errors: string[] = [];
  createInterface({ input: child.stderr }).on("line", (line) => errors.push(line));
  const url = new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      const found = /OpenAI's API: (\S+)/.exec(line);
      if (found) resolve(found[1]);
    });
    child.once("exit", (code) => reject(new Error(`exit ${code}: ${errors.join("\n")}`)));
  });
  return { child, url, errors };
}

test("npm start serves the shipped model: a page, a stream, a graceful end", { timeout: 60_000 }, async () => {
  const { child, url } = start([]);
  try {
    const baseURL = await url;
    if (existsSync(join(root, "apps/web/dist/index.html"))) {
      assert.match(await (await fetch(new URL("/", baseURL))).text(), /<title>.*Baltoro/s);
    }
    // With or without its model installed, the clinic answers at the same origin.
    const clinic = await fetch(new URL("/clinic/v1/health", baseURL));
    assert.equal(((await clinic.json()) as { status: string }).status, "ok");
    const client = new OpenAI({ baseURL, apiKey: "none", maxRetries: 0 });
    const [model] = (await client.models.list()).data;
    assert.equal(model.id, "gutenberg-nano");
    const body = { model: model.id, prompt: "It was the best of times, it was", max_tokens: 40, temperature: 0 };
    let text = "";
    for await (const chunk of await client.completions.create({ ...body, stream: true }))
      text += chunk.choices[0]?.text ?? "";
    assert.match(text, /^ \w+( \w+)?/, "a trained model goes on with words");
    assert.equal((await client.completions.create(body)).choices[0].text, text);
  } finally {
    child.kill("SIGTERM");
  }
  const [code] = await once(child, "exit");
  assert.equal(code, 0);
});

test("what is wrong is said, and the exit code says that it was", async () => {
  const fails = async (args: string[], message: RegExp, code: number) => {
    const { child, url, errors } = start(args);
    await assert.rejects(url);
    assert.match(errors.join("\n"), message);
    assert.equal(child.exitCode, code);
  };
  await fails(["--checkpoint", "/nowhere"], /nowhere/, 1);
  await fails(["--port", "http"], /--port is http, expected a whole number/, 2);
  await fails(["--port", "70000"], /the highest is 65535/, 2);
  await fails(["--host", "0.0.0.0"], /API key/, 1);
  await fails(["--clinic-model", "/nowhere"], /--clinic-model: \/nowhere is not there/, 1);
  await fails(["--cds-clients", "/nowhere"], /\/nowhere/, 1);
  await fails(["--frobnicate"], /frobnicate/, 2);
});
