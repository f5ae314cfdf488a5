import { FhirError, type IssueCode, JsonError, outcomeOf } from "../fhir/index.ts";

/** How an answer is written: FHIR's and CDS Hooks' way, or plain JSON as the rest of the server. */
export type Style = "fhir" | "plain";

/** An error that its caller is told. The message is fixed text and places, never a part of the request. */
export class ServiceError extends Error {
  override name = "ServiceError";
  readonly status: number;
  /** For programs: "rate_limited". */
  readonly reason: string;
  readonly issue: IssueCode;
  readonly path: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  constructor(
    status: number,
    reason: string,
    message: string,
    details: { issue?: IssueCode; path?: string; headers?: Record<string, string> } = {},
  ) {
    super(message);
    this.status = status;
    this.reason = reason;
    this.issue = details.issue ?? (status >= 500 ? "exception" : "invalid");
    this.path = details.path;
    this.headers = details.headers ?? {};
  }
}

/** A server's temporary inability. */
export function unavailable(reason: string, message: string, seconds: number): ServiceError {
  return new ServiceError(503, reason, message, { issue: "exception", headers: { "Retry-After": String(seconds) } });
}

/** What the caller is told of any error: of one that nobody foresaw, only that there was one. */
export function toServiceError(error: unknown): ServiceError {
  if (error instanceof ServiceError) return error;
  if (error instanceof FhirError) {
    const status = error.code === "too-long" ? 413 : error.code === "structure" || error.code === "value" ? 400 : 422;
    return new ServiceError(status, "invalid_resource", error.message, { issue: error.code, path: error.path });
  }
  if (error instanceof JsonError) return new ServiceError(400, "invalid_json", `the body is ${error.message}`);
  return new ServiceError(500, "internal_error", "the server failed; its log says where");
}

export function errorResponse(error: ServiceError, style: Style): Response {
  const { status, headers, reason, message, issue, path } = error;
  if (style === "fhir") {
    const body = outcomeOf(issue, message, { reason, ...(path === undefined ? {} : { path }) });
    return Response.json(body, {
      status,
      headers: { ...headers, "Content-Type": "application/fhir+json; charset=utf-8" },
    });
  }
  const type = status >= 500 ? "server_error" : "invalid_request_error";
  return Response.json({ error: { message, type, param: path ?? null, code: reason } }, { status, headers });
}

/** What a server refuses before the clinic's own routes, in words that quote nothing of the request. */
const refusals: Readonly<Record<string, readonly [issue: IssueCode, message: string]>> = {
  host_not_allowed: ["forbidden", "this server does not answer to the name in the Host header; --allow-host adds it"],
  origin_not_allowed: ["forbidden", "pages of that origin may not call this server; --allow-origin lets them"],
  request_too_large: ["too-long", "the body is larger than this server takes"],
  unknown_url: ["not-found", "there is nothing at this path"],
};

/** An error of the server's own, before the clinic's routes, as FHIR's clients expect it. */
export function refusalResponse(
  status: number,
  reason: string | null,
  headers: Readonly<Record<string, string>>,
): Response {
  const [issue, message] =
    refusals[reason ?? ""] ??
    (status === 405
      ? (["not-supported", "this path does not take that method"] as const)
      : (["exception", "the server failed; its log says where"] as const));
  const told = new ServiceError(status, reason ?? (status === 405 ? "wrong_method" : "internal_error"), message, {
    ...{ issue, headers: { ...headers, "Cache-Control": "no-store" } },
  });
  return errorResponse(told, "fhir");
}

/** Kind and place of an error, for the log: its message may hold what it failed on. */
export function traceOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const name = /^[A-Za-z]{1,40}$/.test(error.name) ? error.name : "Error";
  const frames = (error.stack ?? "").split("\n").filter((line) => /^ {4}at /.test(line));
  return [name, ...frames.slice(0, 12)].join("\n");
}
