import { createHash, timingSafeEqual } from "node:crypto";
import { ApiError } from "./errors.ts";

/** Who may ask, and from where. */
export interface GuardOptions {
  /** The server is reached over this machine's loopback only. */
  readonly loopback: boolean;
  readonly apiKey?: string | undefined;
  /** Host names that clients may use beside the loopback's; undefined and not loopback: any. */
  readonly allowedHosts?: readonly string[] | undefined;
  /** Origins of other pages that may call the API. */
  readonly allowedOrigins: readonly string[];
}

const loopbackNames = ["localhost", "127.0.0.1", "[::1]"];

/** Whether an address is this machine's own. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d+){3}$/.test(host);
}

/**
 * Checks the Host header, which a page that rebinds its name to 127.0.0.1 cannot forge, and the Origin header, which says which
 * page sent the request.
 *
 * @throws ApiError 403
 */
export function checkSource(headers: Headers, options: GuardOptions): void {
  const host = headers.get("host") ?? "";
  const name = host.replace(/:\d+$/, "").toLowerCase();
  const known = [...loopbackNames, ...(options.allowedHosts ?? [])];
  const anyHost = !options.loopback && options.allowedHosts === undefined;
  if (!anyHost && !known.includes(name)) {
    throw new ApiError(
      403,
      `this server does not answer to the host name ${JSON.stringify(name)}; --allow-host adds it`,
      {
        code: "host_not_allowed",
      },
    );
  }
  const origin = headers.get("origin");
  if (origin === null || options.allowedOrigins.includes(origin)) return;
  if (!URL.canParse(origin) || new URL(origin).host !== host) {
    throw new ApiError(403, `pages of ${origin} may not call this server; --allow-origin lets them`, {
      code: "origin_not_allowed",
    });
  }
}

/** @throws ApiError 401 unless the request carries the key, if one is set */
export function checkKey(headers: Headers, apiKey: string | undefined): void {
  if (apiKey === undefined) return;
  const given = /^Bearer (.+)$/i.exec(headers.get("authorization") ?? "")?.[1];
  if (given !== undefined && timingSafeEqual(digest(given), digest(apiKey))) return;
  const what =
    given === undefined ? "this server asks for an API key: send Authorization: Bearer KEY" : "wrong API key";
  throw new ApiError(401, what, { code: "invalid_api_key", headers: { "WWW-Authenticate": "Bearer" } });
}

const digest = (text: string) => createHash("sha256").update(text).digest();
