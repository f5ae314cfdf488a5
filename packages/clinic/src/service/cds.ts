import { type BundleContent, type Entry, entriesOf, fromEntries, type Node, nodeOf } from "../fhir/index.ts";
import { overrideReasons } from "./cards.ts";
import { ServiceError } from "./errors.ts";

/** The one service: a ranked differential of a child's respiratory note. */
export const cdsService = {
  hook: "patient-view",
  id: "respiratory-differential",
  title: "Pediatric respiratory differential",
  description:
    "Reads the latest clinical note and results of a child, shows signs of danger and ranks pneumonia, upper respiratory tract infection, bronchitis and asthma with the evidence for and against. Assists a professional; makes no diagnosis.",
  prefetch: {
    patient: "Patient/{{context.patientId}}",
    notes: "DocumentReference?patient={{context.patientId}}&status=current&_sort=-date&_count=1",
    observations: "Observation?patient={{context.patientId}}&_sort=-date&_count=100",
    encounter: "Encounter/{{context.encounterId}}",
  },
  usageRequirements:
    "patient and notes must be prefetched: this service asks no FHIR server. Notes are text/plain or text/html within the resource. observations and encounter may be left out.",
} as const;

const needed = ["patient", "notes"] as const;
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

const invalid = (path: string, message: string) =>
  new ServiceError(400, "invalid_request", `${path}: ${message}`, { issue: "structure", path });

/**
 * Note, age and results of a service request.
 *
 * @throws ServiceError 400, or 412 where the client did not prefetch what is needed; FhirError
 */
export function readCdsRequest(body: unknown): BundleContent {
  const request = memberOf({ body }, "body", "body");
  if (request["hook"] !== cdsService.hook) throw invalid("hook", `expected ${cdsService.hook}`);
  if (typeof request["hookInstance"] !== "string" || !uuid.test(request["hookInstance"]))
    throw invalid("hookInstance", "expected a UUID");
  const context = memberOf(request, "context", "context");
  const { patientId } = context;
  if (typeof patientId !== "string" || patientId === "") throw invalid("context.patientId", "is missing");
  const prefetch = request["prefetch"] === undefined ? {} : memberOf(request, "prefetch", "prefetch");
  const entries = Object.keys(cdsService.prefetch).flatMap((key): Entry[] => {
    const value = prefetch[key];
    // null: the client looked and found nothing.
    if (value === null) return [];
    const node = value === undefined ? undefined : nodeOf(value, `prefetch.${key}`);
    const type = node?.value["resourceType"];
    if (!node || type === "OperationOutcome") {
      if (!needed.some((name) => name === key)) return [];
      throw new ServiceError(412, "prefetch_missing", `prefetch.${key} is needed: this service asks no FHIR server`, {
        ...{ issue: "required", path: `prefetch.${key}` },
      });
    }
    return type === "Bundle" ? entriesOf(node) : [{ resource: node }];
  });
  checkPatient(entries, patientId);
  return fromEntries(entries);
}

/** What was prefetched must be of the patient whose chart is open. */
function checkPatient(entries: readonly Entry[], patientId: string): void {
  const patient = entries.find(({ resource }) => resource.value["resourceType"] === "Patient")?.resource;
  const id = patient?.value["id"];
  if (id === undefined || id === patientId.replace(/^Patient\//, "")) return;
  throw new ServiceError(422, "wrong_patient", `${patient?.path}.id: is not context.patientId`, {
    ...{ issue: "business-rule", path: `${patient?.path}.id` },
  });
}

/** What a clinician did with a card. Comments are not kept: they are free text. */
export interface Feedback {
  readonly card: string;
  readonly outcome: "accepted" | "overridden";
  /** A code of {@link overrideReasons}, or "other". */
  readonly reason?: string;
  readonly commented: boolean;
}

const maxFeedback = 100;

/** @throws ServiceError 400 */
export function readFeedback(body: unknown): Feedback[] {
  const { feedback } = memberOf({ body }, "body", "body");
  if (!Array.isArray(feedback) || feedback.length === 0 || feedback.length > maxFeedback) {
    throw invalid("feedback", `expected an array of 1 to ${maxFeedback}`);
  }
  return feedback.map((value: unknown, i): Feedback => {
    const path = `feedback[${i}]`;
    const entry = memberOf({ value }, "value", path);
    const { card, outcome } = entry;
    if (typeof card !== "string" || !uuid.test(card)) throw invalid(`${path}.card`, "expected the UUID of a card");
    if (outcome !== "accepted" && outcome !== "overridden")
      throw invalid(`${path}.outcome`, "expected accepted or overridden");
    const override =
      entry["overrideReason"] === undefined ? {} : memberOf(entry, "overrideReason", `${path}.overrideReason`);
    const reason =
      override["reason"] === undefined ? undefined : memberOf(override, "reason", `${path}.overrideReason.reason`);
    const known = overrideReasons.find(({ code, system }) => code === reason?.["code"] && system === reason["system"]);
    return {
      ...{ card: card.toLowerCase(), outcome },
      ...(reason === undefined ? {} : { reason: known?.code ?? "other" }),
      commented: override["userComment"] !== undefined,
    };
  });
}

/** A member that is an object. */
function memberOf(parent: Readonly<Record<string, unknown>>, name: string, path: string): Node["value"] {
  const value = Object.hasOwn(parent, name) ? parent[name] : undefined;
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalid(path, "expected an object");
  return value as Node["value"];
}
