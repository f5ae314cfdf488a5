import { createHash, timingSafeEqual } from "node:crypto";
import { type KeyStore, may, type Permission, type Role } from "../access/index.ts";
import { ServiceError } from "./errors.ts";
import { type CdsTrust, isJwt, refuseReplay, verifyJwt } from "./jwt.ts";

/** Who asks. */
export interface Principal {
  /** As the audit log names them. */
  readonly actor: string;
  readonly role: Role | "cds-client" | "none";
}

export const nobody: Principal = { actor: "unknown", role: "none" };

export interface IdentifyOptions {
  /** Whether only this machine's own programs can reach the server. */
  readonly loopback: boolean;
  /** The key of the whole server, where one is set. */
  readonly sharedKey?: string | undefined;
  readonly trust?: CdsTrust | undefined;
  readonly now: () => number;
}

/**
 * Who asks: by a key of the key store, by the server's own key, by a CDS client's token where `endpoints` are given, or, where no key
 * was ever made and the server listens to this machine only, whoever uses it: "local".
 *
 * @throws ServiceError 401
 */
export function identify(
  request: Request,
  keys: KeyStore,
  options: IdentifyOptions,
  endpoints: readonly string[] = [],
): Principal {
  const header = request.headers.get("authorization");
  const token = /^Bearer +([\x21-\x7e]{1,8192})$/i.exec(header ?? "")?.[1];
  if (token !== undefined) {
    const key = keys.find(token);
    if (key) return { actor: key.id, role: key.role };
    if (options.sharedKey !== undefined && same(token, options.sharedKey))
      return { actor: "server-key", role: "clinician" };
    if (options.trust && endpoints.length > 0 && isJwt(token)) {
      const seconds = Math.floor(options.now() / 1000);
      const { client, jti, exp } = verifyJwt(token, options.trust, endpoints, seconds);
      if (!keys.useOnce(`${client.iss}\n${jti}`, exp + 60, seconds)) refuseReplay();
      return { actor: `cds:${client.name}`, role: "cds-client" };
    }
  }
  if (options.loopback && options.sharedKey === undefined && !keys.required()) {
    // A CDS client that sends a token expects it to be checked.
    if (token === undefined || !options.trust) return { actor: "local", role: "admin" };
  }
  const message =
    header === null
      ? "a key is asked for: send Authorization: Bearer KEY"
      : "the key or token is wrong, or was revoked";
  throw new ServiceError(401, "invalid_api_key", message, {
    issue: "login",
    headers: { "WWW-Authenticate": "Bearer" },
  });
}

/** @throws ServiceError 403 */
export function demand(principal: Principal, permission: Permission): void {
  const { role } = principal;
  const allowed = role === "cds-client" ? permission === "assess" : role !== "none" && may(role, permission);
  if (allowed) return;
  throw new ServiceError(403, "wrong_role", `the role ${role} may not do this: it needs "${permission}"`, {
    issue: "forbidden",
  });
}

function same(a: string, b: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
