import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ApiError, type ApiErrorBody, createGateway, fileRoutes, type Gateway, type Route } from "../src/index.ts";

const routes: Route[] = [
  { method: "GET", path: "/open", open: true, handle: () => new Response("open") },
  { method: "POST", path: "/echo", handle: async (context) => new Response(await context.req.text()) },
  {
    method: "GET",
    path: "/teapot",
    handle: () => {
      throw new ApiError(418, "a teapot", { param: "pot", code: "teapot" });
    },
  },
  {
    method: "GET",
    path: "/broken",
    handle: () => {
      throw new Error("secret detail");
    },
  },
  {
    method: "GET",
    path: "/slow",
    handle: async () => {
      await sleep(150);
      return new Response("slow");
    },
  },
];

async function withGateway(
  options: Partial<Parameters<typeof createGateway>[0]>,
  use: (gateway: Gateway) => Promise<void>,
) {
  const gateway = await createGateway({ routes, port: 0, onError: () => {}, ...options });
  try {
    await use(gateway);
  } finally {
    await gateway.close();
  }
}

/** fetch may not set Host; a bare client may. */
function status(port: number, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: "127.0.0.1", port, path: "/open", headers }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    request.on("error", reject);
    request.end();
  });
}

async function errorOf(response: Response): Promise<ApiErrorBody["error"]> {
  return ((await response.json()) as ApiErrorBody).error;
}

test("answers, and says what it does not answer", async () => {
  await withGateway({ maxBodyBytes: 100 }, async ({ url }) => {
    assert.equal(await (await fetch(`${url}/open`)).text(), "open");
    assert.equal((await fetch(`${url}/open`, { method: "HEAD" })).status, 200);
    const missing = await fetch(`${url}/nothing`);
    assert.equal(missing.status, 404);
    assert.match((await errorOf(missing)).message, /nothing at GET \/nothing/);
    const wrong = await fetch(`${url}/echo`);
    assert.equal(wrong.status, 405);
    assert.equal(wrong.headers.get("allow"), "POST");
    const large = await fetch(`${url}/echo`, { method: "POST", body: "x".repeat(101) });
    assert.equal(large.status, 413);
    assert.equal(await (await fetch(`${url}/echo`, { method: "POST", body: "x".repeat(100) })).text(), "x".repeat(100));
  });
});

test("errors have OpenAI's shape, unexpected ones too", async () => {
  const seen: unknown[] = [];
  await withGateway({ onError: (error) => seen.push(error) }, async ({ url }) => {
    const teapot = await fetch(`${url}/teapot`);
    assert.equal(teapot.status, 418);
    assert.deepEqual(await errorOf(teapot), {
      message: "a teapot",
      type: "invalid_request_error",
      param: "pot",
      code: "teapot",
    });
    const broken = await fetch(`${url}/broken`);
    assert.equal(broken.status, 500);
    assert.equal((await errorOf(broken)).type, "server_error");
    assert.equal(seen.length, 1);
  });
});

test("every answer carries the security headers", async () => {
  await withGateway({}, async ({ url }) => {
    for (const path of ["/open", "/nothing", "/teapot", "/broken"]) {
      const { headers } = await fetch(url + path);
      assert.match(headers.get("content-security-policy") ?? "", /default-src 'none'.*frame-ancestors 'none'/, path);
      assert.equal(headers.get("x-content-type-options"), "nosniff", path);
    }
  });
});

test("checks Host and Origin", async () => {
  await withGateway(
    { allowedHosts: ["box.example"], allowedOrigins: ["https://page.example"] },
    async ({ url, port }) => {
      assert.equal(await status(port, { Host: `127.0.0.1:${port}` }), 200);
      assert.equal(await status(port, { Host: `Box.Example:${port}` }), 200);
      assert.equal(await status(port, { Host: "evil.example" }), 403);
      assert.equal(await status(port, { Host: `localhost:${port}`, Origin: `http://localhost:${port}` }), 200);
      assert.equal(await status(port, { Host: `localhost:${port}`, Origin: "https://evil.example" }), 403);
      assert.equal(await status(port, { Host: `localhost:${port}`, Origin: "null" }), 403);
      const allowed = await fetch(`${url}/open`, { headers: { Origin: "https://page.example" } });
      assert.equal(allowed.headers.get("access-control-allow-origin"), "https://page.example");
    },
  );
});

test("asks for the key where one is set, except for open routes", async () => {
  await withGateway({ apiKey: "secret", host: "0.0.0.0" }, async ({ port }) => {
    const url = `http://127.0.0.1:${port}`;
    assert.equal((await fetch(`${url}/open`)).status, 200);
    const without = await fetch(`${url}/teapot`);
    assert.equal(without.status, 401);
    assert.equal((await errorOf(without)).code, "invalid_api_key");
    const headers = (key: string) => ({ headers: { Authorization: `Bearer ${key}` } });
    assert.equal((await fetch(`${url}/teapot`, headers("guess"))).status, 401);
    assert.equal((await fetch(`${url}/teapot`, headers("secret"))).status, 418);
  });
});

test("does not listen to the world without a key, nor on a port that is taken", async () => {
  await assert.rejects(createGateway({ routes, host: "0.0.0.0", port: 0 }), /API key/);
  await withGateway({}, async ({ port }) => {
    await assert.rejects(createGateway({ routes, port }), /taken by another program/);
  });
});

test("closing lets an answer under way finish", async () => {
  const gateway = await createGateway({ routes, port: 0 });
  const answer = fetch(`${gateway.url}/slow`);
  await sleep(50);
  await gateway.close(5000);
  assert.equal(await (await answer).text(), "slow");
  await assert.rejects(fetch(`${gateway.url}/open`));
});

test("serves a built page, and nothing else of the disk", async () => {
  const directory = await mkdtemp(join(tmpdir(), "baltoro-page-"));
  try {
    await assert.rejects(fileRoutes(directory), /no index\.html/);
    await writeFile(join(directory, "index.html"), "<p>page");
    await writeFile(join(directory, "x.js"), "1");
    await withGateway({ routes: await fileRoutes(directory), apiKey: "secret" }, async ({ url }) => {
      const page = await fetch(url);
      assert.equal(page.headers.get("content-type"), "text/html; charset=utf-8");
      assert.equal(await page.text(), "<p>page");
      assert.match((await fetch(`${url}/x.js`)).headers.get("content-type") ?? "", /javascript/);
      assert.equal((await fetch(`${url}/..%2f..%2fetc/passwd`)).status, 404);
    });
  } finally {
    await rm(directory, { recursive: true });
  }
});
