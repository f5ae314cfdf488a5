import type { BundleIssue } from "./read-bundle.ts";
import type { IssueCode, OperationOutcome } from "./types.ts";

/** An error as FHIR and CDS Hooks show it. `reason` is for programs, in `details.coding`. */
export function outcomeOf(
  code: IssueCode,
  message: string,
  details: { path?: string; reason?: string } = {},
): OperationOutcome {
  return {
    resourceType: "OperationOutcome",
    issue: [
      {
        severity: code === "exception" ? "fatal" : "error",
        code,
        ...(details.reason === undefined ? {} : { details: { coding: [{ code: details.reason }], text: message } }),
        diagnostics: message,
        ...(details.path === undefined ? {} : { expression: [details.path] }),
      },
    ],
  };
}

/** What of a bundle was not used; undefined where all was. */
export function warningsOf(issues: readonly BundleIssue[]): OperationOutcome | undefined {
  if (issues.length === 0) return undefined;
  const issue = issues.map(({ path, code, message }) => ({
    severity: "warning" as const,
    ...{ code, diagnostics: `${path} was not used: ${message}`, expression: [path] },
  }));
  return { resourceType: "OperationOutcome", issue };
}
