import { randomUUID } from "node:crypto";
import { type KeyStore, openKeyStore, type Permission } from "../access/index.ts";
import { type AuditEvent, type AuditLog, openAuditLog } from "../audit/index.ts";
import type { Assessment, Assessor } from "../diagnosis/index.ts";
import { toBundle, warningsOf } from "../fhir/index.ts";
import { type AssessRequest, acceptedLanguage, fromContent, isFhir, readAssessRequest } from "./assess-request.ts";
import { AssessorError } from "./assessor.ts";
import { readJsonBody } from "./body.ts";
import { type Card, cardsOf } from "./cards.ts";
import { cdsService, readCdsRequest, readFeedback } from "./cds.ts";
import { errorResponse, ServiceError, toServiceError, traceOf, unavailable } from "./errors.ts";
import { demand, identify, nobody, type Principal } from "./identify.ts";
import type { CdsTrust } from "./jwt.ts";
import { gate, rateLimiter } from "./limits.ts";
import { createMetrics } from "./metrics.ts";

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
/** After a failure to load, the model is not tried again for so long, milliseconds. */
const retryAfter = 5000;
const maxCdsBytes = 3 * 1_048_576;

/** The clinic over HTTP, in the web's own terms. */
export interface ClinicService {
  /** Paths that it answers, as prefixes. */
  readonly prefixes: readonly string[];
  /** Answers any request below the prefixes; never throws. `peer` tells callers without a key apart. */
  handle(request: Request, peer?: string): Promise<Response>;
  /** Opens what is kept on the disk, so that what is wrong with it is known at once. @throws */
  open(): { readonly audit: AuditLog };
  close(): Promise<void>;
}

interface Call {
  readonly request: Request;
  readonly principal: Principal;
  readonly url: URL;
}

interface Route {
  readonly name: string;
  readonly method: "GET" | "POST";
  readonly path: RegExp;
  /** In the audit log. */
  readonly action?: string;
  /** Absent: anyone may ask. */
  readonly permission?: Permission;
  handle(call: Call): Promise<Response> | Response;
}

export function createClinicService(options: ClinicServiceOptions): ClinicService {
  const limits = { ...defaults, ...options.limits };
  const log = options.log ?? ((line) => console.error(line));
  const now = options.now ?? Date.now;
  const rate = rateLimiter(limits.perMinute, now);
  const refusals = rateLimiter(limits.refusalsPerMinute, now);
  const notes = gate(limits.concurrent);
  const metrics = createMetrics();
  let stores: { audit: AuditLog; keys: KeyStore } | undefined;
  let running: Promise<Assessor> | undefined;
  let state: "not-installed" | "not-loaded" | "loading" | "ready" | "failed" = options.startAssessor
    ? "not-loaded"
    : "not-installed";
  let failedAt = Number.NEGATIVE_INFINITY;

  const open = () => {
    const date = () => new Date(now());
    stores ??= {
      audit: openAuditLog(options.directory, { now: date }),
      keys: openKeyStore(options.directory, { now: date }),
    };
    return stores;
  };

  const assessor = (): Promise<Assessor> => {
    const { startAssessor } = options;
    if (!startAssessor) {
      throw unavailable(
        "model_not_installed",
        "no model is installed: the server's start says where it is looked for",
        3600,
      );
    }
    if (running) return running;
    if (now() - failedAt < retryAfter) throw unavailable("not_ready", "the model could not be loaded", 5);
    state = "loading";
    running = startAssessor().then(
      (started) => {
        state = "ready";
        return started;
      },
      (error: Error) => {
        ({ running, state, failedAt } = { running: undefined, state: "failed", failedAt: now() });
        // No note was seen yet: the message is about the model's files.
        log(`clinic: the model could not be loaded: ${error.message}`);
        throw unavailable("not_ready", "the model could not be loaded; the server's log says why", 5);
      },
    );
    return running;
  };

  /** No answer leaves without its entry. */
  const record = (event: AuditEvent): void => {
    try {
      open().audit.append(event);
    } catch (error) {
      log(`clinic: the audit log cannot be written: ${(error as Error).message}`);
      throw unavailable("audit_unavailable", "the audit log cannot be written, and nothing is assessed without it", 30);
    }
  };

  const assess = async (
    call: Call,
    action: string,
    { text, options: given }: AssessRequest,
    detail?: (result: Assessment) => string,
  ) => {
    const event = { ...call.principal, action, note: open().audit.hashNote(text) };
    const judge = await assessor();
    try {
      const result = await judge.assess(text, given);
      const more = detail?.(result);
      record({ ...event, model: judge.model.hash, outcome: "ok", ...(more === undefined ? {} : { detail: more }) });
      return result;
    } catch (error) {
      if (error instanceof ServiceError) throw error;
      log(`clinic: a note could not be assessed: ${(error instanceof AssessorError && error.trace) || traceOf(error)}`);
      record({ ...event, model: judge.model.hash, outcome: "failed" });
      if (error instanceof AssessorError && error.kind !== "failed") {
        // Its thread is gone: the next note starts another.
        if (running && (await running.catch(() => undefined)) === judge) {
          ({ running, state } = { running: undefined, state: "not-loaded" });
        }
        const timeout = error.kind === "timeout";
        throw unavailable(
          timeout ? "timeout" : "not_ready",
          timeout ? error.message : "the assessor stopped; try again",
          1,
        );
      }
      throw new ServiceError(500, "assessment_failed", "the note could not be assessed; the server's log says where");
    }
  };

  const assessRoute = (call: Call) =>
    notes.run(async () => {
      const { request } = call;
      if (!options.startAssessor) await assessor();
      const asked = await readAssessRequest(request, limits.bodyTimeout);
      const assessment = await assess(call, "assess", asked);
      const accept = request.headers.get("accept") ?? "";
      const asJson = asked.bundle && accept.includes("application/json") && !accept.includes("fhir+json");
      if (!isFhir(request) || asJson) return Response.json(assessment);
      const outcome = warningsOf(asked.bundle?.issues ?? []);
      const language = asked.language ?? acceptedLanguage(request);
      const bundle = toBundle(assessment, {
        ...(asked.bundle?.subject === undefined ? {} : { subject: asked.bundle.subject }),
        ...(asked.bundle?.document === undefined ? {} : { document: asked.bundle.document }),
        ...(language === undefined ? {} : { language }),
        ...(outcome === undefined ? {} : { outcome }),
        now: () => new Date(now()),
      });
      return Response.json(bundle, { headers: { "Content-Type": "application/fhir+json; charset=utf-8" } });
    });

  const cdsRoute = (call: Call) =>
    notes.run(async () => {
      const content = readCdsRequest(await readJsonBody(call.request, maxCdsBytes, limits.bodyTimeout));
      // Nothing was written about the patient: there is no guidance, and that is no error.
      if (content.text.trim() === "") return Response.json({ cards: [] });
      let cards: Card[] = [];
      await assess(call, `cds.${cdsService.id}`, fromContent(content), (result) => {
        const warnings = content.issues.map(({ path, message }) => `${path}: ${message}`);
        cards = cardsOf(result, acceptedLanguage(call.request) ?? result.note.language, warnings, randomUUID);
        return `cards ${cards.map(({ uuid }) => uuid).join(" ")}`.trim();
      });
      return Response.json({ cards });
    });

  const feedbackRoute = async (call: Call) => {
    const entries = readFeedback(await readJsonBody(call.request, 65_536, limits.bodyTimeout));
    for (const { card, outcome, reason, commented } of entries) {
      const detail = [
        `card ${card}`,
        outcome,
        ...(reason === undefined ? [] : [reason]),
        ...(commented ? ["with a comment"] : []),
      ];
      record({ ...call.principal, action: "cds.feedback", outcome: "ok", detail: detail.join(", ") });
    }
    return new Response(null, { status: 200 });
  };

  const auditRoute = ({ principal, url }: Call) => {
    const number = (name: string, most: number, otherwise: number) => {
      const text = url.searchParams.get(name);
      if (text === null) return otherwise;
      if (!/^\d{1,15}$/.test(text) || Number(text) > most) {
        throw new ServiceError(400, "invalid_request", `${name}: expected a whole number up to ${most}`, {
          path: name,
        });
      }
      return Number(text);
    };
    const [after, limit] = [number("after", Number.MAX_SAFE_INTEGER, 0), number("limit", 1000, 100)];
    record({ ...principal, action: "audit.read", outcome: "ok" });
    const { audit } = open();
    return Response.json({ entries: audit.entries(after, limit), head: audit.head() });
  };

  const service = `/cds-services/${cdsService.id}`;
  const routes: readonly Route[] = [
    {
      name: "assess",
      method: "POST",
      path: /^\/clinic\/v1\/assess$/,
      action: "assess",
      permission: "assess",
      handle: assessRoute,
    },
    {
      name: "model",
      method: "GET",
      path: /^\/clinic\/v1\/model$/,
      action: "model",
      permission: "assess",
      handle: async () => Response.json((await assessor()).model),
    },
    {
      ...{ name: "health", method: "GET", path: /^\/clinic\/v1\/health$/ },
      handle: () =>
        Response.json(
          { status: state === "failed" ? "failed" : "ok", model: state },
          { status: state === "failed" ? 503 : 200 },
        ),
    },
    {
      ...{ name: "metrics", method: "GET", path: /^\/clinic\/v1\/metrics$/, action: "metrics", permission: "metrics" },
      handle: () =>
        new Response(metrics.render({ notes_under_way: notes.active, model_ready: Number(state === "ready") }), {
          headers: { "Content-Type": "text/plain; version=0.0.4; charset=utf-8" },
        }),
    },
    {
      name: "audit",
      method: "GET",
      path: /^\/clinic\/v1\/audit$/,
      action: "audit.read",
      permission: "audit",
      handle: auditRoute,
    },
    {
      name: "cds-discovery",
      method: "GET",
      path: /^\/cds-services$/,
      handle: () => Response.json({ services: [cdsService] }),
    },
    {
      name: "cds-service",
      method: "POST",
      path: new RegExp(`^${service}$`),
      action: `cds.${cdsService.id}`,
      permission: "assess",
      handle: cdsRoute,
    },
    {
      name: "cds-feedback",
      method: "POST",
      path: new RegExp(`^${service}/feedback$`),
      action: "cds.feedback",
      permission: "assess",
      handle: feedbackRoute,
    },
  ];

  /** Who asks; refused callers are written down, and slowed. */
  const enter = (route: Route, request: Request, url: URL, peer: string): Principal => {
    if (route.permission === undefined) return nobody;
    // Where nothing is installed, nothing is kept: a server that only answers so leaves no file behind.
    if (!options.startAssessor && route.permission === "assess") {
      void assessor();
    }
    let principal = nobody;
    try {
      const endpoints =
        options.trust && route.name.startsWith("cds-")
          ? [`${options.trust.publicUrl}${url.pathname}`, `${options.trust.publicUrl}${service}`]
          : [];
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

  const answer = async (request: Request, peer: string): Promise<{ name: string; response: Response }> => {
    const url = new URL(request.url);
    const fhir = url.pathname.startsWith("/cds-services") || isFhir(request);
    const matches = routes.filter(({ path }) => path.test(url.pathname));
    const method = request.method === "HEAD" ? "GET" : request.method;
    const route = matches.find((candidate) => candidate.method === method);
    let principal = nobody;
    try {
      if (matches.length === 0)
        throw new ServiceError(404, "unknown_url", "there is nothing at this path", { issue: "not-found" });
      if (!route) {
        const allow = matches.map((match) => match.method).join(", ");
        throw new ServiceError(405, "wrong_method", `this path takes ${allow}`, {
          issue: "not-supported",
          headers: { Allow: allow },
        });
      }
      principal = enter(route, request, url, peer);
      return { name: route.name, response: await route.handle({ request, principal, url }) };
    } catch (error) {
      const told = toServiceError(error);
      if (told.reason === "internal_error") log(`clinic: ${traceOf(error)}`);
      let shown = told;
      if (principal !== nobody && route?.action !== undefined && told.status < 500) {
        try {
          record({ ...principal, action: route.action, outcome: "refused", detail: told.reason });
        } catch (failure) {
          shown = toServiceError(failure);
        }
      }
      return { name: route?.name ?? "other", response: errorResponse(shown, fhir ? "fhir" : "plain") };
    }
  };

  return {
    prefixes: ["/clinic", "/cds-services"],
    async handle(request, peer = "unknown") {
      const start = performance.now();
      const { name, response } = await answer(request, peer);
      response.headers.set("Cache-Control", "no-store");
      metrics.observe(name, response.status, (performance.now() - start) / 1000);
      return response;
    },
    open,
    async close() {
      const started = await running?.catch(() => undefined);
      await started?.close();
      stores?.audit.close();
      stores?.keys.close();
      stores = undefined;
    },
  };
}
