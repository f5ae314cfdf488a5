import {
  type Assessment,
  type Candidate,
  diseaseNames,
  type Evidence,
  type MissingTest,
  noOrder,
  type RedFlag,
  type ScopeReason,
} from "../diagnosis/index.ts";
import type { BundleContext } from "./bundle.ts";
import type { BundleEntry, CodeableConcept, OperationOutcome, Resource } from "./types.ts";

const loinc = "http://loinc.org";
const icd10 = "http://hl7.org/fhir/sid/icd-10";

/** The model as a Device: its version and the hash of its weights. */
export function deviceOf({ model }: Assessment): Resource & Record<string, unknown> {
  const trained = {
    synthetic: "Trained on synthetic notes only; not validated on patients of any hospital.",
    local: "Trained on this hospital's own notes.",
    research: "Trained on research data; not for use with patients.",
  }[model.training];
  return {
    resourceType: "Device",
    status: "active",
    manufacturer: "Baltoro",
    deviceName: [{ name: model.name, type: "model-name" }],
    type: { text: "Clinical decision support software" },
    version: [
      { type: { text: "version" }, value: model.version },
      { type: { text: "SHA-256 of weights and configuration" }, value: model.hash },
    ],
    note: [{ text: trained }],
  };
}

/** A sign of danger, found by rules. */
export function flagOf(flag: RedFlag, context: BundleContext): Resource & Record<string, unknown> {
  return {
    resourceType: "Flag",
    status: "active",
    category: [
      {
        coding: [
          { system: "http://terminology.hl7.org/CodeSystem/flag-category", code: "clinical", display: "Clinical" },
        ],
      },
      { text: flag.severity },
    ],
    code: { text: `${flag.message[context.language]} (${flag.code}; ${flag.source})` },
    subject: context.subject,
    period: { start: context.recorded },
    author: { reference: context.device },
  };
}

/** The ranking. Each probability stands with its interval and the evidence for and against, never alone. */
export function riskAssessmentOf(
  assessment: Assessment,
  observations: readonly string[],
  context: BundleContext,
): Resource & Record<string, unknown> {
  const { language } = context;
  const notes = [
    ...(assessment.abstention === undefined ? [] : [assessment.abstention.message[language]]),
    ...assessment.notices.map((notice) => notice[language]),
  ];
  const basis = [...(context.document === undefined ? [] : [context.document]), ...observations];
  return {
    resourceType: "RiskAssessment",
    status: "preliminary",
    method: {
      text: `${assessment.model.name} ${assessment.model.version}: fusion of note text and structured results, calibrated per disease`,
    },
    code: {
      text: { en: "Ranked differential, for a professional to judge", zh: "鉴别诊断排序，供专业人员判断" }[language],
    },
    subject: context.subject,
    occurrenceDateTime: context.recorded,
    performer: { reference: context.device },
    ...(basis.length === 0 ? {} : { basis: basis.map((reference) => ({ reference })) }),
    ...(assessment.differential.length === 0
      ? {}
      : { prediction: assessment.differential.map((candidate) => predictionOf(candidate, language)) }),
    ...(notes.length === 0 ? {} : { note: notes.map((text) => ({ text })) }),
  };
}

function predictionOf(candidate: Candidate, language: "zh" | "en"): Record<string, unknown> {
  const names = diseaseNames[candidate.disease];
  const plausible = { en: ["not among the plausible diseases", "plausible"], zh: ["不在合理集合内", "合理"] }[language];
  return {
    outcome: { coding: [{ system: icd10, code: candidate.icd10, display: names.en }], text: names[language] },
    probabilityDecimal: candidate.probability,
    qualitativeRisk: { text: plausible[Number(candidate.plausible)] },
    rationale: rationaleOf(candidate),
  };
}

/**
 * Probability, interval and evidence in words: R4 has no element for the last two beside a decimal, and its readers disagree on
 * whether the decimal is a share of 1 or of 100.
 */
function rationaleOf(candidate: Candidate): string {
  const quote = ({ text, weight }: Evidence) => `"${text}" (${weight >= 0 ? "+" : ""}${weight.toFixed(2)})`;
  const list = (evidence: readonly Evidence[]) =>
    evidence.length === 0 ? "nothing found" : evidence.map(quote).join(", ");
  const percent = (share: number) => `${(share * 100).toFixed(1)}%`;
  const interval = `90% interval ${percent(candidate.low)}-${percent(candidate.high)}`;
  return `Probability ${percent(candidate.probability)}, ${interval}. For (change of log-odds): ${list(candidate.for)}. Against: ${list(candidate.against)}.`;
}

/** A test that would tell most: a proposal, which a clinician orders or not. */
export function proposalOf(test: MissingTest, context: BundleContext): Resource & Record<string, unknown> {
  const { language } = context;
  const code: CodeableConcept = /^\d+-\d$/.test(test.code)
    ? { coding: [{ system: loinc, code: test.code, display: test.display.en }], text: test.display[language] }
    : { text: test.display[language] };
  return {
    resourceType: "ServiceRequest",
    status: "draft",
    intent: "proposal",
    code,
    subject: context.subject,
    requester: { reference: context.device },
    note: [
      { text: `Expected information about the ranking: ${test.gain.toFixed(3)} bits` },
      { text: noOrder[language] },
    ],
  };
}

/** Who made the results, and from what. */
export function provenanceOf(
  targets: readonly BundleEntry[],
  context: BundleContext,
): Resource & Record<string, unknown> {
  const what =
    context.document === undefined
      ? { display: "The clinical note of the request, which is not kept" }
      : { reference: context.document };
  return {
    resourceType: "Provenance",
    target: targets.map(({ fullUrl }) => ({ reference: fullUrl })),
    recorded: context.recorded,
    activity: { text: "Extraction of results and ranking of diseases by software" },
    agent: [
      {
        type: {
          coding: [
            {
              system: "http://terminology.hl7.org/CodeSystem/provenance-participant-type",
              code: "assembler",
              display: "Assembler",
            },
          ],
        },
        who: { reference: context.device },
      },
    ],
    entity: [{ role: "source", what }],
  };
}

const scopeMessages: Readonly<Record<ScopeReason, string>> = {
  adult: "Outside scope: the patient is 18 or older.",
  "age-unknown": "Outside scope: the note gives no age.",
  "not-respiratory": "Outside scope: the note has no respiratory content.",
};

/** Says why there is no ranking. */
export function scopeOutcome(reasons: readonly ScopeReason[]): OperationOutcome {
  const issue = (reason: ScopeReason) => ({
    severity: "information" as const,
    code: "not-supported" as const,
    details: { text: scopeMessages[reason] },
  });
  return { resourceType: "OperationOutcome", issue: reasons.map(issue) };
}
