import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { contentSecurityPolicy } from "../../../packages/serving/src/gateway/gateway.ts";

/** A token of the fake model with what else it could have been. */
export type FakeToken = readonly [text: string, logprob: number, others?: Readonly<Record<string, number>>];

/** What the fake server does with the next request to generate. */
export interface Behaviour {
  /** Sent piece by piece. */
  tokens: readonly FakeToken[];
  delayMilliseconds: number;
  /** Answers with this status instead. */
  status?: { readonly code: number; readonly message: string; readonly headers?: Record<string, string> };
  /** Cuts the connection after that many tokens. */
  cutAfter?: number;
  /** Sends an error chunk after that many tokens. */
  failAfter?: number;
  /** Wanted from every request, where set. */
  apiKey?: string;
  finish: string;
  chat: boolean;
  /** Answers a note; `body` is sent as JSON, a string as it is. */
  assess?: (request: FakeNote) => FakeAnswer | Promise<FakeAnswer>;
}

/** A note as the page sends it. */
export interface FakeNote {
  readonly text: string;
  readonly ageMonths?: number;
}

/** What is answered to a note. */
export interface FakeAnswer {
  readonly status?: number;
  readonly body: unknown;
  readonly headers?: Record<string, string>;
}

/** A server of OpenAI's API that a test holds in its hand. */
export interface FakeServer {
  readonly url: string;
  readonly behaviour: Behaviour;
  /** Bodies of the requests to generate, in order. */
  readonly requests: Readonly<Record<string, unknown>>[];
  /** Addresses of all requests, in order. */
  readonly paths: string[];
  /** Requests that the client left before their end. */
  readonly left: { count: number };
  close(): Promise<void>;
}

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};

/** What the fake model writes unless told otherwise. */
export const story: readonly FakeToken[] = [
  [" and", -0.4, { " and": -0.4, ",": -1.6, " of": -2.9, " in": -3.4, " that": -4.1 }],
  [" the", -1.1, { " the": -1.1, " a": -1.4, " his": -2.2, " it": -2.7, " then": -3.3 }],
  [" rain", -3.9, { " wind": -0.9, " sea": -1.7, " night": -2.1, " old": -2.9, " sky": -3.3 }],
  [" fell", -0.7, { " fell": -0.7, " was": -1.5, " came": -2, " had": -3.1, " beat": -3.5 }],
  [".", -1.9, { " in": -0.6, ".": -1.9, " upon": -2.3, " heavily": -3, ",": -3.2 }],
  ["\n", -2.2, { " The": -0.8, " It": -1.5, "\n": -2.2, " He": -2.4, " There": -3.6 }],
  ["Ca", -6.5, { The: -1, It: -1.7, "“": -2, He: -2.6, A: -3.4 }],
  ["f", -0.1, { f: -0.1, pt: -3.2, lm: -3.9, m: -4.4, ge: -5 }],
  ["\uFFFD", -0.3, { "\uFFFD": -0.3, e: -1.6 }],
  ["\uFFFD", -0.01, { "\uFFFD": -0.01 }],
  [" closed", -9.1, { ".": -1, ",": -1.3, " and": -2, " was": -2.5, s: -3 }],
];

/** The text of {@link story}: its two parts of a character are one é. */
export const storyText = " and the rain fell.\nCafé closed";

/** Starts the server over a built page. */
export async function startFakeServer(pageDirectory: string): Promise<FakeServer> {
  const behaviour: Behaviour = { tokens: story, delayMilliseconds: 4, finish: "length", chat: false };
  const requests: Readonly<Record<string, unknown>>[] = [];
  const paths: string[] = [];
  const left = { count: 0 };

  const server = createServer((request, response) => {
    response.setHeader("Content-Security-Policy", contentSecurityPolicy);
    const path = (request.url ?? "/").split("?")[0];
    paths.push(request.url ?? "/");
    const handle = /^\/(clinic\/)?v1\//.test(path)
      ? answerApi(path, request, response)
      : sendFile(pageDirectory, path, response);
    handle.catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(500);
      response.end(String(error));
    });
  });

  async function answerApi(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { apiKey, status } = behaviour;
    if (apiKey !== undefined && request.headers.authorization !== `Bearer ${apiKey}`) {
      return sendError(response, 401, "wrong API key");
    }
    if (path === "/v1/models") return sendJson(response, 200, { object: "list", data: [modelEntry(behaviour.chat)] });
    const text = await new Response(request as unknown as ReadableStream).text();
    const body = JSON.parse(text) as Record<string, unknown>;
    requests.push(body);
    if (behaviour.assess && path === "/clinic/v1/assess") {
      const { status = 200, body: answer, headers } = await behaviour.assess(body as unknown as FakeNote);
      return sendJson(response, status, answer, headers);
    }
    if (status) return sendError(response, status.code, status.message, status.headers);
    await stream(path.endsWith("/chat/completions"), response, behaviour, left);
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    behaviour,
    requests,
    paths,
    left,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function stream(chat: boolean, response: ServerResponse, behaviour: Behaviour, left: { count: number }) {
  const { tokens, delayMilliseconds, cutAfter, failAfter, finish } = behaviour;
  response.writeHead(200, { "Content-Type": "text/event-stream; charset=utf-8" });
  let ended = false;
  response.on("close", () => {
    if (!ended) left.count++;
  });
  const send = (chunk: object) => response.write(`data: ${JSON.stringify(chunk)}\n\n`);
  const usage = { prompt_tokens: 12, completion_tokens: tokens.length, total_tokens: 12 + tokens.length };
  if (chat) send({ choices: [{ index: 0, delta: { role: "assistant", content: "" }, finish_reason: null }] });
  let held = 0;
  for (const [i, token] of tokens.entries()) {
    await sleep(delayMilliseconds);
    if (response.destroyed) return;
    if (cutAfter === i) {
      // What was written is on its way: a connection that breaks at once may take it along.
      await sleep(150);
      return void response.destroy();
    }
    if (failAfter === i) {
      send({
        error: { message: "the engine's thread died", type: "server_error", param: null, code: "engine_failed" },
      });
      break;
    }
    // The bytes of é come as two tokens: its text is held back until the second.
    const whole = !token[0].includes("\uFFFD");
    if (!whole) held++;
    const text = whole ? token[0] : held % 2 === 0 ? "é" : "";
    send({ choices: [chat ? chatChoice(text, token) : completionChoice(text, token)] });
  }
  if (failAfter === undefined) {
    const end = { index: 0, logprobs: null, finish_reason: finish };
    send({ choices: [chat ? { ...end, delta: {} } : { ...end, text: "" }] });
    send({ choices: [], usage });
    response.write("data: [DONE]\n\n");
  }
  ended = true;
  response.end();
}

function completionChoice(text: string, [token, logprob, others]: FakeToken): object {
  const logprobs = { tokens: [token], token_logprobs: [logprob], top_logprobs: [others ?? {}], text_offset: [0] };
  return { index: 0, text, logprobs, finish_reason: null };
}

function chatChoice(text: string, [token, logprob, others]: FakeToken): object {
  const top = Object.entries(others ?? {}).map(([other, value]) => ({ token: other, logprob: value, bytes: null }));
  const content = [{ token, logprob, bytes: null, top_logprobs: top }];
  return { index: 0, delta: { content: text }, logprobs: { content, refusal: null }, finish_reason: null };
}

function modelEntry(chat: boolean): object {
  const baltoro = {
    description:
      "A small mixture-of-experts base model in the K2 architecture. It continues English prose of the 19th century.",
    parameters: 11_534_336,
    activeParameters: 6_120_448,
    context: 512,
    trainedOn: "books of Project Gutenberg",
    chat,
  };
  return { id: "gutenberg-nano", object: "model", created: 1, owned_by: "baltoro", baltoro };
}

async function sendFile(directory: string, path: string, response: ServerResponse): Promise<void> {
  const file = join(directory, normalize(path === "/" ? "/index.html" : path));
  const content = await readFile(file).catch(() => undefined);
  if (content === undefined) return void response.writeHead(404).end();
  response.writeHead(200, { "Content-Type": types[extname(file)] ?? "application/octet-stream" }).end(content);
}

function sendJson(
  response: ServerResponse,
  status: number,
  value: unknown,
  headers: Record<string, string> = {},
): void {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  response.writeHead(status, { "Content-Type": "application/json", ...headers }).end(text);
}

function sendError(response: ServerResponse, status: number, message: string, headers?: Record<string, string>): void {
  sendJson(response, status, { error: { message, type: "error", param: null, code: null } }, headers);
}
