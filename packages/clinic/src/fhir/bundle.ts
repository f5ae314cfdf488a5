import { randomUUID } from "node:crypto";
import type { Assessment, Language } from "../diagnosis/index.ts";
import { cleanStrings } from "./clean.ts";
import { compositionOf } from "./composition.ts";
import { toObservations } from "./observation.ts";
import { deviceOf, flagOf, proposalOf, provenanceOf, riskAssessmentOf, scopeOutcome } from "./resources.ts";
import type { Bundle, BundleEntry, OperationOutcome, Resource } from "./types.ts";

export interface BundleOptions {
  /** A document starts with a Composition that people can read. Default: collection. */
  readonly type?: "collection" | "document";
  /** `Patient/ID`. Without it, the subject is named in words only. */
  readonly subject?: string;
  /** `DocumentReference/ID` of the note. */
  readonly document?: string;
  /** Of the texts. Default: the note's. */
  readonly language?: Language;
  /** What could not be used of the request; goes into the bundle. */
  readonly outcome?: OperationOutcome;
  readonly now?: () => Date;
  /** UUIDs of the entries. */
  readonly newId?: () => string;
}

/** What every resource of a bundle is made with. */
export interface BundleContext {
  readonly language: Language;
  readonly subject: { readonly reference?: string; readonly display?: string };
  readonly document?: string;
  readonly device: string;
  /** FHIR instant. */
  readonly recorded: string;
}

/** Tests that are proposed at most. */
const maxProposals = 3;

/**
 * An assessment as a FHIR R4 Bundle: Device (the model), Observations (results of the note), RiskAssessment (the ranking), Flags (signs of
 * danger), ServiceRequests (proposed tests), Provenance of all of them. There is no Condition: software confirms none. Outside the
 * scope, an OperationOutcome says so in place of the RiskAssessment.
 */
export function toBundle(assessment: Assessment, options: BundleOptions = {}): Bundle {
  const newId = options.newId ?? randomUUID;
  const language = options.language ?? assessment.note.language;
  const entryOf = (resource: Resource): BundleEntry => ({
    fullUrl: `urn:uuid:${newId()}`,
    resource: cleanStrings(resource),
  });
  const device = entryOf(deviceOf(assessment));
  const context: BundleContext = {
    language,
    subject:
      options.subject === undefined
        ? { display: { en: "The patient of the note", zh: "病历所述患儿" }[language] }
        : { reference: options.subject },
    ...(options.document === undefined ? {} : { document: options.document }),
    device: device.fullUrl,
    recorded: (options.now ?? (() => new Date()))().toISOString(),
  };
  const observations = toObservations(assessment.items, {
    ...(options.subject === undefined ? {} : { subject: options.subject }),
    ...(options.document === undefined ? {} : { document: options.document }),
    ...(assessment.patient.ageMonths === undefined ? {} : { ageMonths: assessment.patient.ageMonths }),
  }).map(entryOf);
  const flags = assessment.redFlags.map((flag) => entryOf(flagOf(flag, context)));
  const ranking = assessment.scope.inside
    ? entryOf(
        riskAssessmentOf(
          assessment,
          observations.map(({ fullUrl }) => fullUrl),
          context,
        ),
      )
    : entryOf(scopeOutcome(assessment.scope.reasons));
  const proposals = assessment.missing.slice(0, maxProposals).map((test) => entryOf(proposalOf(test, context)));
  const results = [...flags, ...observations, ranking, ...proposals];
  // OperationOutcomes have no provenance: they are the answer to a request, not a record of the patient.
  const targets = results.filter(({ resource }) => resource.resourceType !== "OperationOutcome");
  const provenance = targets.length === 0 ? [] : [entryOf(provenanceOf(targets, context))];
  const outcome = options.outcome === undefined ? [] : [entryOf(options.outcome)];
  const document = options.type === "document";
  const head = document
    ? [entryOf(compositionOf(assessment, { flags, observations, ranking, proposals }, context))]
    : [];
  return {
    resourceType: "Bundle",
    type: document ? "document" : "collection",
    ...(document ? { identifier: { system: "urn:ietf:rfc:3986", value: `urn:uuid:${newId()}` } } : {}),
    timestamp: context.recorded,
    entry: [...head, ...results, device, ...provenance, ...outcome],
  };
}
