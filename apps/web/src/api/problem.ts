/**
 * What can go wrong with a request:
 *
 * - `offline`: no answer came at all;
 * - `unauthorized`: the server wants an API key, or another one;
 * - `rejected`: the request itself is at fault (400, 404, 413 …);
 * - `busy`: too many requests (429), come back later;
 * - `server`: the server failed (5xx), or said so in the middle of a stream;
 * - `cut`: the answer broke off;
 * - `malformed`: an answer that is no such API's.
 */
export type ProblemKind = "offline" | "unauthorized" | "rejected" | "busy" | "server" | "cut" | "malformed";

/** A request that failed, in the terms in which a person can be told of it. */
export class Problem extends Error {
  override name = "Problem";
  readonly kind: ProblemKind;
  /** OpenAI's `error.code`. */
  readonly code: string | undefined;
  /** Seconds after which the server asks to be tried again. */
  readonly retryAfter: number | undefined;
  /** Of the HTTP answer, where there was one. */
  readonly status: number | undefined;

  constructor(
    kind: ProblemKind,
    message: string,
    details: { code?: string; retryAfter?: number; status?: number } = {},
  ) {
    super(message);
    this.kind = kind;
    this.code = details.code;
    this.retryAfter = details.retryAfter;
    this.status = details.status;
  }
}

/** A problem as the page tells it: what happened, then what to do. */
export interface Explanation {
  readonly title: string;
  readonly advice: string;
}

/** Says what a problem means and what to do about it. */
export function explain({ kind, code, message }: Problem): Explanation {
  switch (kind) {
    case "offline":
      return {
        title: "The server cannot be reached.",
        advice: "Check that it runs and that this device is connected, then try again.",
      };
    case "unauthorized":
      return { title: "The server asks for an API key.", advice: "Enter the key, and the request is sent again." };
    case "rejected":
      return {
        title: `The server refused the request: ${sentence(message)}`,
        advice:
          code === "context_length_exceeded"
            ? "The text is longer than the model can read: shorten it, or lower the number of tokens in the settings."
            : "Change the text or the settings that it names, then try again.",
      };
    case "busy":
      return { title: "The server has too much to do at the moment.", advice: "Try again in a little while." };
    case "server":
      return {
        title: `The server failed: ${sentence(message)}`,
        advice: "Try again. If it fails again, the server's own log says more.",
      };
    case "cut":
      return {
        title: "The answer broke off before its end.",
        advice: "What came is kept. Check that the server still runs, then try again.",
      };
    case "malformed":
      return {
        title: `The answer is not one that this page understands: ${sentence(message)}`,
        advice: "Check that the address is that of a server with OpenAI's API.",
      };
  }
}

function sentence(message: string): string {
  return /[.!?]$/.test(message) ? message : `${message}.`;
}

/** The problem that a response with an error status tells of. Its body may be anything. */
export async function problemOf(response: Response): Promise<Problem> {
  const text = await response.text().catch(() => "");
  const { message, code } = errorFields(parseJson(text));
  const said = message ?? `status ${response.status} ${response.statusText}`.trim();
  const retryAfter = parseRetryAfter(response.headers.get("retry-after"), Date.now());
  const details = {
    status: response.status,
    ...(code === undefined ? {} : { code }),
    ...(retryAfter === undefined ? {} : { retryAfter }),
  };
  if (response.status === 401) return new Problem("unauthorized", said, details);
  if (response.status === 429) return new Problem("busy", said, details);
  return new Problem(response.status >= 500 ? "server" : "rejected", said, details);
}

/** The `error` of a body or chunk in OpenAI's shape, or the first issue of a FHIR OperationOutcome; fields are undefined where there is none. */
export function errorFields(value: unknown): { readonly message?: string; readonly code?: string } {
  if (!isRecord(value)) return {};
  if (Array.isArray(value["issue"])) return issueFields(value["issue"][0]);
  const error = value["error"];
  if (typeof error === "string") return { message: error };
  return isRecord(error) ? fields(error["message"], error["code"]) : {};
}

function issueFields(issue: unknown): { readonly message?: string; readonly code?: string } {
  if (!isRecord(issue)) return {};
  const details = isRecord(issue["details"]) ? issue["details"] : {};
  const coding: unknown = Array.isArray(details["coding"]) ? details["coding"][0] : undefined;
  return fields(issue["diagnostics"] ?? details["text"], isRecord(coding) ? coding["code"] : issue["code"]);
}

function fields(message: unknown, code: unknown): { readonly message?: string; readonly code?: string } {
  return {
    ...(typeof message === "string" && message !== "" ? { message } : {}),
    ...(typeof code === "string" ? { code } : {}),
  };
}

/** Seconds to wait, from a Retry-After header: a number of seconds, or a date (RFC 9110, section 10.2.3). `now` in milliseconds. */
export function parseRetryAfter(header: string | null, now: number): number | undefined {
  if (header === null || header.trim() === "") return undefined;
  const seconds = /^\d+$/.test(header.trim()) ? Number(header) : (Date.parse(header) - now) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, Math.ceil(seconds)) : undefined;
}

/** Whether a value is an object whose fields may be looked at. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value of a JSON text; undefined if it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
