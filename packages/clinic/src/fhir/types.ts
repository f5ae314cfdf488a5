/** The parts of FHIR R4's data types that go out. Source: hl7.org/fhir/R4. */
export interface Coding {
  readonly system?: string;
  readonly code: string;
  readonly display?: string;
}

export interface CodeableConcept {
  readonly coding?: readonly Coding[];
  readonly text?: string;
}

export interface Quantity {
  readonly value: number;
  readonly comparator?: string;
  readonly unit: string;
  readonly system: string;
  readonly code: string;
}

/** By a reference where the resource is known, else in words. */
export interface Reference {
  readonly reference?: string;
  readonly display?: string;
}

/** Any resource: its own elements are known where it is made. */
export interface Resource {
  readonly resourceType: string;
  readonly id?: string;
}

export interface BundleEntry {
  readonly fullUrl: string;
  readonly resource: Resource;
}

export interface Bundle {
  readonly resourceType: "Bundle";
  readonly type: "collection" | "document";
  readonly identifier?: { readonly system: string; readonly value: string };
  readonly timestamp: string;
  readonly entry: readonly BundleEntry[];
}

/** FHIR's issue types that are used here. */
export type IssueCode =
  | "invalid"
  | "structure"
  | "required"
  | "value"
  | "too-long"
  | "not-supported"
  | "not-found"
  | "security"
  | "login"
  | "forbidden"
  | "throttled"
  | "timeout"
  | "exception"
  | "business-rule"
  | "informational";

export interface OperationOutcome {
  readonly resourceType: "OperationOutcome";
  readonly issue: readonly {
    readonly severity: "fatal" | "error" | "warning" | "information";
    readonly code: IssueCode;
    readonly details?: CodeableConcept;
    readonly diagnostics?: string;
    readonly expression?: readonly string[];
  }[];
}
