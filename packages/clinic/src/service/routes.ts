import { randomUUID } from "node:crypto";
import type { Permission } from "../access/index.ts";
import type { AuditEvent, AuditLog } from "../audit/index.ts";
import type { Assessment } from "../diagnosis/index.ts";
import { toBundle, warningsOf } from "../fhir/index.ts";
import { type AssessRequest, acceptedLanguage, fromContent, isFhir, readAssessRequest } from "./assess-request.ts";
import { AssessorError } from "./assessor.ts";
import { readJsonBody } from "./body.ts";
import { type Card, cardsOf } from "./cards.ts";
import { cdsService, readCdsRequest, readFeedback } from "./cds.ts";
import { ServiceError, traceOf, unavailable } from "./errors.ts";
import type { Principal } from "./identify.ts";
import type { Judge } from "./judge.ts";
import type { Gate } from "./limits.ts";
import type { Metrics } from "./metrics.ts";

/** What the routes work with. */
export interface RouteContext {
  readonly judge: Judge;
  /** Requests that come in: a slow one holds up no note. */
  readonly bodies: Gate;
  /** Notes that are judged. */
  readonly notes: Gate;
  readonly metrics: Metrics;
  /** Milliseconds for a body to arrive. */
  readonly bodyTimeout: number;
  audit(): AuditLog;
  /** Writes an entry. @throws ServiceError 503 where it cannot: no answer leaves without its entry */
  record(event: AuditEvent): void;
  log(line: string): void;
  now(): number;
}

/** A request that was let in. */
export interface Call {
  readonly request: Request;
  readonly principal: Principal;
  readonly url: URL;
}

export interface Route {
  readonly name: string;
  readonly method: "GET" | "POST";
  readonly path: string;
  /** In the audit log. */
  readonly action?: string;
  /** Absent: anyone may ask. */
  readonly permission?: Permission;
  handle(call: Call): Promise<Response> | Response;
}

/** Path of the CDS service, the only one. */
export const cdsPath = `/cds-services/${cdsService.id}`;
const cdsAction = `cds.${cdsService.id}`;
const maxCdsBytes = 3 * 1_048_576;
const maxFeedbackBytes = 65_536;
const fhirType = { "Content-Type": "application/fhir+json; charset=utf-8" };

/** The table of what the service answers. */
export function routesOf(context: RouteContext): readonly Route[] {
  const { judge, metrics } = context;
  return [
    {
      ...{ name: "assess", method: "POST", path: "/clinic/v1/assess", action: "assess", permission: "assess" },
      handle: (call) => answerAssess(call, context),
    },
    {
      ...{ name: "model", method: "GET", path: "/clinic/v1/model", action: "model", permission: "assess" },
      handle: async () => Response.json((await judge.get()).model),
    },
    {
      ...{ name: "health", method: "GET", path: "/clinic/v1/health" },
      handle: () => {
        const failed = judge.state === "failed";
        return Response.json({ status: failed ? "failed" : "ok", model: judge.state }, { status: failed ? 503 : 200 });
      },
    },
    {
      ...{ name: "metrics", method: "GET", path: "/clinic/v1/metrics", action: "metrics", permission: "metrics" },
      handle: () => {
        const gauges = { notes_under_way: context.notes.active, model_ready: Number(judge.state === "ready") };
        return new Response(metrics.render(gauges), {
          headers: { "Content-Type": "text/plain; version=0.0.4; charset=utf-8" },
        });
      },
    },
    {
      ...{ name: "audit", method: "GET", path: "/clinic/v1/audit", action: "audit.read", permission: "audit" },
      handle: (call) => answerAudit(call, context),
    },
    {
      ...{ name: "cds-discovery", method: "GET", path: "/cds-services" },
      handle: () => Response.json({ services: [cdsService] }),
    },
    {
      ...{ name: "cds-service", method: "POST", path: cdsPath, action: cdsAction, permission: "assess" },
      handle: (call) => answerCds(call, context),
    },
    {
      ...{
        name: "cds-feedback",
        method: "POST",
        path: `${cdsPath}/feedback`,
        action: "cds.feedback",
        permission: "assess",
      },
      handle: (call) => answerFeedback(call, context),
    },
  ];
}

/** Judges a note, and writes down that it was judged. `detail` is what else the entry says of the result. */
async function assess(
  { principal }: Call,
  { judge, notes, audit, record, log }: RouteContext,
  action: string,
  { text, options }: AssessRequest,
  detail?: (result: Assessment) => string,
): Promise<Assessment> {
  const assessor = await judge.get();
  const event = { ...principal, action, note: audit().hashNote(text), model: assessor.model.hash };
  let result: Assessment;
  try {
    result = await notes.run(() => assessor.assess(text, options));
  } catch (error) {
    if (error instanceof ServiceError) throw error;
    log(`clinic: a note could not be assessed: ${(error instanceof AssessorError && error.trace) || traceOf(error)}`);
    record({ ...event, outcome: "failed" });
    if (!(error instanceof AssessorError) || error.kind === "failed") {
      throw new ServiceError(500, "assessment_failed", "the note could not be assessed; the server's log says where");
    }
    await judge.drop(assessor);
    if (error.kind === "timeout") throw unavailable("timeout", error.message, 1);
    throw unavailable("not_ready", "the assessor stopped; try again", 1);
  }
  record({ ...event, outcome: "ok", ...(detail === undefined ? {} : { detail: detail(result) }) });
  return result;
}

async function answerAssess(call: Call, context: RouteContext): Promise<Response> {
  const { request } = call;
  const asked = await context.bodies.run(() => readAssessRequest(request, context.bodyTimeout));
  const assessment = await assess(call, context, "assess", asked);
  const accept = request.headers.get("accept") ?? "";
  const asJson = asked.bundle && accept.includes("application/json") && !accept.includes("fhir+json");
  if (!isFhir(request) || asJson) return Response.json(assessment);
  const { subject, document, issues = [] } = asked.bundle ?? {};
  const outcome = warningsOf(issues);
  const language = asked.language ?? acceptedLanguage(request);
  const bundle = toBundle(assessment, {
    ...(subject === undefined ? {} : { subject }),
    ...(document === undefined ? {} : { document }),
    ...(language === undefined ? {} : { language }),
    ...(outcome === undefined ? {} : { outcome }),
    now: () => new Date(context.now()),
  });
  return Response.json(bundle, { headers: fhirType });
}

async function answerCds(call: Call, context: RouteContext): Promise<Response> {
  const content = readCdsRequest(
    await context.bodies.run(() => readJsonBody(call.request, maxCdsBytes, context.bodyTimeout)),
  );
  // Nothing was written about the patient: there is no guidance, and that is no error.
  if (content.text.trim() === "") return Response.json({ cards: [] });
  const warnings = content.issues.map(({ path, message }) => `${path}: ${message}`);
  let cards: Card[] = [];
  await assess(call, context, cdsAction, fromContent(content), (result) => {
    cards = cardsOf(result, acceptedLanguage(call.request) ?? result.note.language, warnings, randomUUID);
    return ["cards", ...cards.map(({ uuid }) => uuid)].join(" ");
  });
  return Response.json({ cards });
}

async function answerFeedback({ request, principal }: Call, context: RouteContext): Promise<Response> {
  const entries = readFeedback(
    await context.bodies.run(() => readJsonBody(request, maxFeedbackBytes, context.bodyTimeout)),
  );
  for (const { card, outcome, reason, commented } of entries) {
    const parts = [
      `card ${card}`,
      outcome,
      ...(reason === undefined ? [] : [reason]),
      ...(commented ? ["with a comment"] : []),
    ];
    context.record({ ...principal, action: "cds.feedback", outcome: "ok", detail: parts.join(", ") });
  }
  return new Response(null, { status: 200 });
}

function answerAudit({ principal, url }: Call, { audit, record }: RouteContext): Response {
  const [after, limit] = [wholeNumber(url, "after", Number.MAX_SAFE_INTEGER, 0), wholeNumber(url, "limit", 1000, 100)];
  record({ ...principal, action: "audit.read", outcome: "ok" });
  return Response.json({ entries: audit().entries(after, limit), head: audit().head() });
}

/** A parameter of the address. @throws ServiceError 400 */
function wholeNumber(url: URL, name: string, most: number, otherwise: number): number {
  const text = url.searchParams.get(name);
  if (text === null) return otherwise;
  if (/^\d{1,16}$/.test(text) && Number(text) <= most) return Number(text);
  throw new ServiceError(400, "invalid_request", `${name}: expected a whole number up to ${most}`, { path: name });
}
