import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { ApiError, internalError } from "./errors.ts";
import { checkKey, checkSource, isLoopback } from "./guards.ts";
import type { Route } from "./route.ts";

/** Options of {@link createGateway}. */
export interface GatewayOptions {
  readonly routes: readonly Route[];
  /** Default 127.0.0.1. Any other but the loopback's needs an `apiKey`. */
  readonly host?: string;
  /** 0 takes a free one. Default 8080. */
  readonly port?: number;
  readonly apiKey?: string | undefined;
  /** Host names that clients use, checked against the Host header. Default: the loopback's, or any if `host` is not loopback. */
  readonly allowedHosts?: readonly string[] | undefined;
  /** Other pages' origins that may call the API, `https://example.org`. */
  readonly allowedOrigins?: readonly string[];
  /** Default 4 MiB. */
  readonly maxBodyBytes?: number;
  /** Writes an error as the clients of its path expect it; undefined leaves it in OpenAI's shape. */
  readonly answerError?: (error: ApiError, request: Request) => Response | undefined;
  /** Told of every handler's unexpected error. Default: stderr. */
  readonly onError?: (error: unknown) => void;
}

/** A running HTTP server. */
export interface Gateway {
  readonly url: string;
  readonly port: number;
  /** Stops listening, lets answers under way finish for `graceMilliseconds`, then cuts them off. */
  close(graceMilliseconds?: number): Promise<void>;
}

/** Only what comes from this server itself runs or loads, and no other page may frame it. */
export const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "font-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const securityHeaders: Readonly<Record<string, string>> = {
  "Content-Security-Policy": contentSecurityPolicy,
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
};

/**
 * Serves a table of routes over HTTP.
 *
 * @throws if the address is not the loopback's and no API key is set, or if the port is taken.
 *
 * @example
 * const hello: Route = { method: "GET", path: "/hello", handle: (c) => c.json({ hello: "world" }) };
 * const gateway = await createGateway({ routes: [hello], port: 0 });
 * console.log(await (await fetch(`${gateway.url}/hello`)).json());
 * await gateway.close();
 */
export async function createGateway(options: GatewayOptions): Promise<Gateway> {
  const host = options.host ?? "127.0.0.1";
  if (!isLoopback(host) && !options.apiKey) {
    throw new Error(
      `listening on ${host} lets others in: set an API key (BALTORO_API_KEY or --api-key), or listen on 127.0.0.1`,
    );
  }
  const app = buildApp(options, host);
  const server = createServer(getRequestListener(app.fetch));
  await listen(server, host, options.port ?? 8080);
  const { port } = server.address() as AddressInfo;
  const name = host.includes(":") ? `[${host}]` : host;
  return {
    url: `http://${name === "127.0.0.1" ? "localhost" : name}:${port}`,
    port,
    async close(graceMilliseconds = 0) {
      const ended = new Promise<void>((resolve) => server.close(() => resolve()));
      // Connections are kept alive after their answer: each is let go when it has had it.
      const sweep = setInterval(() => server.closeIdleConnections(), 20);
      const deadline = setTimeout(() => server.closeAllConnections(), graceMilliseconds);
      server.closeIdleConnections();
      await ended;
      clearInterval(sweep);
      clearTimeout(deadline);
    },
  };
}

function buildApp(options: GatewayOptions, host: string): Hono {
  const app = new Hono();
  const report = options.onError ?? ((error) => console.error(error));
  const guards = {
    loopback: isLoopback(host),
    apiKey: options.apiKey,
    allowedHosts: options.allowedHosts?.map((name) => name.toLowerCase()),
    allowedOrigins: options.allowedOrigins ?? [],
  };
  const maxSize = options.maxBodyBytes ?? 4 * 2 ** 20;

  const answer = (error: ApiError, { req }: Context): Response =>
    options.answerError?.(error, req.raw) ?? error.toResponse();
  app.onError((error, context) => {
    if (error instanceof ApiError) return answer(error, context);
    report(error);
    return answer(internalError(error), context);
  });
  app.use(async (context, next) => {
    await next();
    for (const [name, value] of Object.entries(securityHeaders)) context.res.headers.set(name, value);
    allowOrigin(context, guards.allowedOrigins);
  });
  app.use(async (context, next) => {
    checkSource(context.req.raw.headers, guards);
    await next();
  });
  app.use(
    bodyLimit({
      maxSize,
      onError: async ({ req }) => {
        await discard(req.raw);
        throw new ApiError(413, `the request is larger than ${maxSize} bytes`, { code: "request_too_large" });
      },
    }),
  );
  if (guards.allowedOrigins.length > 0) app.options("*", () => new Response(null, { status: 204 }));
  for (const { method, path, open, handle } of options.routes) {
    app.on(method, path, async (context) => {
      if (!open) checkKey(context.req.raw.headers, guards.apiKey);
      return handle(context);
    });
  }
  for (const path of new Set(options.routes.map((route) => route.path))) {
    const methods = options.routes.filter((route) => route.path === path).map(({ method }) => method);
    app.all(path, (context) => {
      const allow = methods.includes("GET") ? [...methods, "HEAD"] : methods;
      throw new ApiError(405, `${context.req.method} is not a method of ${path}; it takes ${methods.join(", ")}`, {
        headers: { Allow: allow.join(", ") },
      });
    });
  }
  app.notFound((context) => {
    const message = `there is nothing at ${context.req.method} ${context.req.path}`;
    return answer(new ApiError(404, message, { code: "unknown_url" }), context);
  });
  return app;
}

/** Bytes of a body that is too large which are read all the same, and how long that may take. */
const discarded = { bytes: 64 * 2 ** 20, milliseconds: 5000 } as const;

/** Reads what a client is still sending, so that it gets to read the answer: a connection that ends before loses it. */
async function discard({ body }: Request): Promise<void> {
  if (!body || body.locked) return;
  const reader = body.getReader();
  const late = setTimeout(() => void reader.cancel().catch(() => {}), discarded.milliseconds);
  try {
    for (let bytes = 0; bytes <= discarded.bytes; ) {
      const { done, value } = await reader.read();
      if (done) return;
      bytes += (value as Uint8Array).length;
    }
  } catch {
    // The client is gone: there is nobody to answer.
  } finally {
    clearTimeout(late);
  }
}

function allowOrigin(context: Context, allowed: readonly string[]): void {
  const origin = context.req.header("origin");
  if (origin === undefined || !allowed.includes(origin)) return;
  const { headers } = context.res;
  headers.set("Access-Control-Allow-Origin", origin);
  headers.set("Access-Control-Allow-Headers", "authorization, content-type");
  headers.set("Vary", "Origin");
  headers.set("Cross-Origin-Resource-Policy", "cross-origin");
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const hint =
        error.code === "EADDRINUSE"
          ? `port ${port} of ${host} is taken by another program: choose one with PORT=8081 or --port 8081`
          : `cannot listen on ${host}:${port}: ${error.message}`;
      reject(new Error(hint));
    });
    server.listen(port, host, resolve);
  });
}
