import { createPublicKey, type JsonWebKey, type KeyObject, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { readJson } from "../fhir/index.ts";
import { ServiceError } from "./errors.ts";

/** A CDS client that is trusted: an issuer and its public keys by `kid`. Keys are given, never fetched: a token names no address to ask. */
export interface CdsClient {
  /** In the audit log. */
  readonly name: string;
  readonly iss: string;
  /** The `jku` that its tokens may carry. */
  readonly jku?: string;
  readonly keys: ReadonlyMap<string, { readonly alg: Algorithm; readonly key: KeyObject }>;
}

export interface CdsTrust {
  /** The address by which clients know this server, without a slash at its end: the first part of `aud`. */
  readonly publicUrl: string;
  readonly clients: readonly CdsClient[];
}

type Algorithm = "ES384" | "RS384";

/** What a verified token says. */
export interface Verified {
  readonly client: CdsClient;
  readonly jti: string;
  /** Seconds since 1970. */
  readonly exp: number;
}

/** Clocks may differ by so much, seconds. */
const skew = 30;
/** A token may live so long, seconds: its `jti` is remembered until then. */
const maxLifetime = 600;
const maxLength = 8192;

/**
 * Reads `{publicUrl, clients: [{name, iss, jku?, keys: [JWK]}]}`.
 *
 * @throws with file and field
 */
export function loadCdsTrust(path: string): CdsTrust {
  const wrong = (field: string, what: string): never => {
    throw new Error(`${path}: ${field} ${what}`);
  };
  const file = readJson(readFileSync(path, "utf8")) as { publicUrl?: unknown; clients?: unknown };
  const { publicUrl } = file;
  if (typeof publicUrl !== "string" || !URL.canParse(publicUrl) || publicUrl.endsWith("/")) {
    return wrong("publicUrl", "is no URL without a slash at its end, such as https://cds.example.org");
  }
  if (!Array.isArray(file.clients)) return wrong("clients", "is no array");
  const clients = file.clients.map((value: Record<string, unknown>, i): CdsClient => {
    const { name, iss, jku, keys } = value ?? {};
    if (typeof name !== "string" || !/^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/.test(name)) {
      return wrong(`clients[${i}].name`, "has not 1 to 32 letters, digits and . _ -");
    }
    if (typeof iss !== "string" || iss === "") return wrong(`clients[${i}].iss`, "is missing");
    if (jku !== undefined && typeof jku !== "string") return wrong(`clients[${i}].jku`, "is no string");
    if (!Array.isArray(keys) || keys.length === 0) return wrong(`clients[${i}].keys`, "holds no JSON Web Key");
    const entries = keys.map((jwk: JsonWebKey, k): [string, { alg: Algorithm; key: KeyObject }] => {
      const field = `clients[${i}].keys[${k}]`;
      if (typeof jwk?.["kid"] !== "string") return wrong(`${field}.kid`, "is missing");
      if (jwk["d"] !== undefined) return wrong(field, "is a private key: give the public one only");
      return [jwk["kid"], keyOf(jwk, (what) => wrong(field, what))];
    });
    return { name, iss, ...(jku === undefined ? {} : { jku }), keys: new Map(entries) };
  });
  const twice = clients.find(({ iss }, i) => clients.findIndex((other) => other.iss === iss) !== i);
  if (twice) wrong("clients", `has the issuer of ${twice.name} twice`);
  return { publicUrl, clients };
}

function keyOf(jwk: JsonWebKey, wrong: (what: string) => never): { alg: Algorithm; key: KeyObject } {
  let key: KeyObject;
  try {
    key = createPublicKey({ key: jwk, format: "jwk" });
  } catch {
    return wrong("is no public JSON Web Key");
  }
  const { namedCurve, modulusLength } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === "ec" && namedCurve === "secp384r1") return { alg: "ES384", key };
  if (key.asymmetricKeyType === "rsa" && (modulusLength ?? 0) >= 2048) return { alg: "RS384", key };
  return wrong("is neither an EC key on P-384 nor an RSA key of 2048 bits or more");
}

/** Whether a bearer token looks like a JWT, and not like one of our keys. */
export function isJwt(token: string): boolean {
  return token.split(".").length === 3;
}

/**
 * Verifies the token of a CDS client (CDS Hooks 2.0, "Trusting CDS Clients"; RFC 7519, 8725). That it is used once only is the caller's
 * to see to, by its issuer and `jti`.
 *
 * @param endpoints addresses that `aud` may name
 * @throws ServiceError 401
 */
export function verifyJwt(token: string, trust: CdsTrust, endpoints: readonly string[], now: number): Verified {
  if (token.length > maxLength) return refuse("is too long");
  if (!/^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/.test(token)) return refuse("is not signed");
  const [head, body, signature] = token.split(".");
  const header = partOf(head, "header");
  const claims = partOf(body, "payload");
  // The algorithm is the key's; the token's is only compared, so that it cannot choose none or a symmetric one.
  const alg = header["alg"];
  if (alg !== "ES384" && alg !== "RS384") return refuse("has an algorithm other than ES384 and RS384");
  if (header["typ"] !== undefined && header["typ"] !== "JWT") return refuse("is of another type than JWT");
  if (header["crit"] !== undefined) return refuse("has extensions that are not known here");
  const client = trust.clients.find(({ iss }) => iss === claims["iss"]);
  if (!client) return refuse("is of an issuer that is not trusted");
  if (header["jku"] !== undefined && header["jku"] !== client.jku)
    return refuse("names a key set that is not its issuer's");
  const key = typeof header["kid"] === "string" ? client.keys.get(header["kid"]) : undefined;
  if (!key || key.alg !== alg) return refuse("names no key of its issuer");
  const signed = verify(
    "sha384",
    Buffer.from(`${head}.${body}`),
    { key: key.key, dsaEncoding: "ieee-p1363" },
    Buffer.from(signature, "base64url"),
  );
  if (!signed) return refuse("has a wrong signature");

  const audience = Array.isArray(claims["aud"]) ? claims["aud"] : [claims["aud"]];
  if (!audience.some((name) => endpoints.includes(name as string))) return refuse("is for another service (aud)");
  const { exp, iat, nbf, jti } = claims;
  if (typeof exp !== "number" || !Number.isFinite(exp)) return refuse("has no exp");
  if (typeof iat !== "number" || !Number.isFinite(iat)) return refuse("has no iat");
  if (exp <= now - skew) return refuse("has expired");
  if (exp > now + maxLifetime + skew) return refuse(`lives longer than ${maxLifetime} s`);
  if (iat > now + skew) return refuse("is of the future");
  if (nbf !== undefined && !(typeof nbf === "number" && nbf <= now + skew)) return refuse("is not valid yet");
  if (typeof jti !== "string" || jti === "" || jti.length > 256) return refuse("has no jti");
  return { client, jti, exp: Math.ceil(exp) };
}

function partOf(part: string, name: string): Record<string, unknown> {
  try {
    const value = readJson(new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(part, "base64url")));
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Said below, without what it was.
  }
  return refuse(`has a ${name} that is no JSON object`);
}

function refuse(what: string): never {
  throw new ServiceError(401, "invalid_token", `the token ${what}`, {
    issue: "login",
    headers: { "WWW-Authenticate": 'Bearer error="invalid_token"' },
  });
}

/** That the same token comes again. @throws ServiceError 401 */
export function refuseReplay(): never {
  return refuse("was used before (jti)");
}
