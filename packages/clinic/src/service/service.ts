import { type KeyStore, openKeyStore } from "../access/index.ts";
import { type AuditEvent, type AuditHead, type AuditLog, openAuditLog } from "../audit/index.ts";
import type { Assessor } from "../diagnosis/index.ts";
import { isFhir } from "./assess-request.ts";
import {
  errorResponse,
  refusalResponse,
  ServiceError,
  type Style,
  toServiceError,
  traceOf,
  unavailable,
} from "./errors.ts";
import { demand, identify, nobody, type Principal } from "./identify.ts";
import { createJudge } from "./judge.ts";
import type { CdsTrust } from "./jwt.ts";
import { gate, rateLimiter } from "./limits.ts";
import { createMetrics } from "./metrics.ts";
import { cdsPath, type Route, routesOf } from "./routes.ts";

export interface ClinicServiceOptions {
  /** Keys and audit log are kept here; made on the first request that needs them. */
  readonly directory: string;
  /** Starts the assessor, on the first note. Absent: no model is installed, and the service says so. */
  readonly startAssessor?: (() => Promise<Assessor>) | undefined;
  /** Whether only this machine's own programs can reach the server. */
  readonly loopback: boolean;
  /** The key of the whole server, where one is set: it may assess. */
  readonly sharedKey?: string | undefined;
  /** CDS clients that sign their requests. */
  readonly trust?: CdsTrust | undefined;
  readonly limits?: Partial<Limits>;
  /** Told of what went wrong, for the operator: never with text of a request. Default: stderr. */
  readonly log?: (line: string) => void;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

export interface Limits {
  /** Requests of one caller. */
  readonly perMinute: number;
  /** Notes under way at once. */
  readonly concurrent: number;
  /** Refused callers that are written to the audit log, of all together: strangers must not fill the disk. */
  readonly refusalsPerMinute: number;
  /** Milliseconds for a body to arrive. */
  readonly bodyTimeout: number;
}

const defaults: Limits = { perMinute: 300, concurrent: 16, refusalsPerMinute: 60, bodyTimeout: 10_000 };

/** The clinic over HTTP, in the web's own terms. */
export interface ClinicService {
  /** Paths that it answers, as prefixes. */
  readonly prefixes: readonly string[];
  /** Answers any request below the prefixes; never throws. `peer` tells callers without a key apart. */
  handle(request: Request, peer?: string): Promise<Response>;
  /**
   * An error that the server met before it came here, as an OperationOutcome; undefined where the request is none of FHIR's or of CDS
   * Hooks', so that the server writes it in its own way.
   */
  refuse(
    request: Request,
    error: {
      readonly status: number;
      readonly code: string | null;
      readonly headers: Readonly<Record<string, string>>;
    },
  ): Response | undefined;
  /** Opens what is kept on the disk, so that what is wrong with it is known at once. @throws */
  open(): void;
  /** Where the audit log ends; undefined while nothing was asked. */
  auditHead(): AuditHead | undefined;
  close(): Promise<void>;
}

const prefixes = ["/clinic", "/cds-services"] as const;

const styleOf = (request: Request, path: string): Style =>
  path.startsWith("/cds-services") || isFhir(request) ? "fhir" : "plain";

export function createClinicService(options: ClinicServiceOptions): ClinicService {
  const limits = { ...defaults, ...options.limits };
  const log = options.log ?? ((line) => console.error(line));
  const now = options.now ?? Date.now;
  const rate = rateLimiter(limits.perMinute, now);
  const refusals = rateLimiter(limits.refusalsPerMinute, now);
  const judge = createJudge(options.startAssessor, log, now);
  const metrics = createMetrics();
  let stores: { audit: AuditLog; keys: KeyStore } | undefined;

  const open = () => {
    const clock = { now: () => new Date(now()) };
    stores ??= { audit: openAuditLog(options.directory, clock), keys: openKeyStore(options.directory, clock) };
    return stores;
  };
  const record = (event: AuditEvent): void => {
    try {
      open().audit.append(event);
    } catch (error) {
      log(`clinic: the audit log cannot be written: ${(error as Error).message}`);
      throw unavailable("audit_unavailable", "the audit log cannot be written, and nothing is assessed without it", 30);
    }
  };
  const routes = routesOf({
    ...{ judge, metrics, record, log, now, bodyTimeout: limits.bodyTimeout },
    bodies: gate(limits.concurrent * 4, "requests are being read"),
    notes: gate(limits.concurrent, "notes are being assessed"),
    audit: () => open().audit,
  });

  /** Who asks; refused callers are written down, and slowed. */
  const enter = async (route: Route, request: Request, path: string, peer: string): Promise<Principal> => {
    if (route.permission === undefined) return nobody;
    // Where nothing is installed, nothing is kept: a server that only says so leaves no file behind.
    if (judge.state === "not-installed" && route.permission === "assess") await judge.get();
    let principal = nobody;
    try {
      const { publicUrl } = options.trust ?? {};
      const signed = publicUrl !== undefined && route.path.startsWith(cdsPath);
      const endpoints = signed ? [`${publicUrl}${path}`, `${publicUrl}${cdsPath}`] : [];
      principal = identify(request, open().keys, { ...options, now }, endpoints);
      demand(principal, route.permission);
    } catch (error) {
      if (!(error instanceof ServiceError)) {
        log(`clinic: ${(error as Error).message}`);
        throw unavailable("storage_unavailable", "keys and audit log cannot be opened; the server's log says why", 30);
      }
      if (!refusals.allows("all")) rate.take(`refused ${peer}`);
      else record({ ...principal, action: route.action ?? route.name, outcome: "denied", detail: error.reason });
      throw error;
    }
    rate.take(principal.actor);
    return principal;
  };

  /** The route of a request. @throws ServiceError 404 or 405 */
  const find = (request: Request, path: string): Route => {
    const matches = routes.filter((route) => route.path === path);
    if (matches.length === 0)
      throw new ServiceError(404, "unknown_url", "there is nothing at this path", { issue: "not-found" });
    const method = request.method === "HEAD" ? "GET" : request.method;
    const route = matches.find((match) => match.method === method);
    if (route) return route;
    const allow = matches.map((match) => match.method).join(", ");
    const details = { issue: "not-supported", headers: { Allow: allow } } as const;
    throw new ServiceError(405, "wrong_method", `this path takes ${allow}`, details);
  };

  const answer = async (request: Request, peer: string): Promise<{ name: string; response: Response }> => {
    const url = new URL(request.url);
    let route: Route | undefined;
    let principal = nobody;
    try {
      route = find(request, url.pathname);
      principal = await enter(route, request, url.pathname, peer);
      return { name: route.name, response: await route.handle({ request, principal, url }) };
    } catch (error) {
      let told = toServiceError(error);
      if (told.reason === "internal_error") log(`clinic: ${traceOf(error)}`);
      if (principal !== nobody && route?.action !== undefined && told.status < 500) {
        try {
          record({ ...principal, action: route.action, outcome: "refused", detail: told.reason });
        } catch (failure) {
          told = toServiceError(failure);
        }
      }
      return { name: route?.name ?? "other", response: errorResponse(told, styleOf(request, url.pathname)) };
    }
  };

  return {
    prefixes,
    refuse(request, { status, code, headers }) {
      const { pathname } = new URL(request.url);
      const own = prefixes.some((prefix) => pathname === prefix || pathname.startsWith(`${prefix}/`));
      if (!own || styleOf(request, pathname) === "plain") return undefined;
      return refusalResponse(status, code, headers);
    },
    async handle(request, peer = "unknown") {
      const start = performance.now();
      const { name, response } = await answer(request, peer);
      response.headers.set("Cache-Control", "no-store");
      metrics.observe(name, response.status, (performance.now() - start) / 1000);
      return response;
    },
    open: () => void open(),
    auditHead: () => stores?.audit.head(),
    async close() {
      await judge.close();
      stores?.audit.close();
      stores?.keys.close();
      stores = undefined;
    },
  };
}
