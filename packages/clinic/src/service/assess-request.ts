import type { AssessOptions, Language } from "../diagnosis/index.ts";
import { maxNoteLength } from "../diagnosis/index.ts";
import { type BundleContent, fromBundle, readJson } from "../fhir/index.ts";
import { mediaType, readText } from "./body.ts";
import { ServiceError } from "./errors.ts";

/** A note to be assessed, however it came. */
export interface AssessRequest {
  readonly text: string;
  readonly options: AssessOptions;
  readonly language?: Language;
  /** Where it came as a Bundle. */
  readonly bundle?: BundleContent;
}

/** Most bytes of a body: a note of the greatest length with every character escaped, and a bundle of one. */
const maxBytes = { plain: 1_048_576, fhir: 3 * 1_048_576 };
/** Oldest age that is taken for one, months. */
const maxAge = 1500;
const members: ReadonlySet<string> = new Set(["text", "ageMonths", "language"]);

const invalid = (param: string, message: string) =>
  new ServiceError(400, "invalid_request", `${param}: ${message}`, { issue: "structure", path: param });

export function isFhir(request: Request): boolean {
  const names = `${request.headers.get("content-type") ?? ""} ${request.headers.get("accept") ?? ""}`.toLowerCase();
  return names.includes("application/fhir+json");
}

/** @throws ServiceError, FhirError or JsonError for what cannot be assessed */
export async function readAssessRequest(request: Request, timeout: number): Promise<AssessRequest> {
  switch (mediaType(request)) {
    case "application/json":
      return fromMembers(readJson(await readText(request, maxBytes.plain, timeout)));
    case "text/plain":
      return { text: checkText(await readText(request, maxBytes.plain, timeout), "the body"), options: {} };
    case "application/fhir+json":
      return fromContent(fromBundle(readJson(await readText(request, maxBytes.fhir, timeout))));
    default:
      throw new ServiceError(
        415,
        "unsupported_media_type",
        "Content-Type must be application/json, text/plain or application/fhir+json",
        { issue: "not-supported", headers: { Accept: "application/json, text/plain, application/fhir+json" } },
      );
  }
}

function fromMembers(value: unknown): AssessRequest {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalid("body", "expected an object");
  if (Object.keys(value).some((name) => !members.has(name))) {
    throw invalid("body", `has a member that is none of ${[...members].join(", ")}`);
  }
  const { text, ageMonths, language } = value as Record<string, unknown>;
  if (typeof text !== "string") throw invalid("text", "expected a string");
  if (ageMonths !== undefined && !(typeof ageMonths === "number" && ageMonths >= 0 && ageMonths <= maxAge)) {
    throw invalid("ageMonths", `expected a number from 0 to ${maxAge}`);
  }
  if (language !== undefined && language !== "zh" && language !== "en") throw invalid("language", "expected zh or en");
  return {
    text: checkText(text, "text"),
    options: ageMonths === undefined ? {} : { ageMonths: ageMonths as number },
    ...(language === undefined ? {} : { language }),
  };
}

/** What a Bundle holds, ready to be assessed. @throws ServiceError 422 where it holds no note */
export function fromContent(content: BundleContent): AssessRequest {
  const { text, ageMonths, items } = content;
  if (text.trim() === "") {
    const message =
      "Bundle.entry: holds no note; one is a DocumentReference or DiagnosticReport with text/plain or text/html data, or a Composition with text";
    throw new ServiceError(422, "note_missing", message, { issue: "required", path: "Bundle.entry" });
  }
  return { text, options: { items, ...(ageMonths === undefined ? {} : { ageMonths }) }, bundle: content };
}

function checkText(text: string, param: string): string {
  if (text.trim() === "") throw invalid(param, "is empty");
  if (text.length > maxNoteLength) {
    throw new ServiceError(413, "note_too_long", `${param}: is longer than ${maxNoteLength} characters`, {
      issue: "too-long",
      path: param,
    });
  }
  return text;
}

/** The language that the client's user reads, of those that there are. */
export function acceptedLanguage(request: Request): Language | undefined {
  const [first] = (request.headers.get("accept-language") ?? "").toLowerCase().split(",");
  return /^\s*zh\b/.test(first) ? "zh" : /^\s*en\b/.test(first) ? "en" : undefined;
}
