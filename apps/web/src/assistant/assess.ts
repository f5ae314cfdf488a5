import type { Assessment } from "@baltoro/clinic";
import { isRecord, Problem, parseJson } from "../api/problem.ts";
import { createSender, type SenderOptions } from "../api/send.ts";

/** What is asked of the server. The note travels in the body, never in an address. */
export interface AssessRequest {
  readonly text: string;
  readonly ageMonths?: number;
}

/** Has a note assessed. @throws Problem; an aborted request throws the signal's reason */
export type Assess = (request: AssessRequest, signal: AbortSignal) => Promise<Assessment>;

/** Longest note that the server assesses, in UTF-16 code units; `maxNoteLength` of @baltoro/clinic. */
export const longestNote = 100_000;

/** Makes an {@link Assess} of the page's own server. */
export function createAssess(options: SenderOptions): Assess {
  const send = createSender(options);
  return async (request, signal) => {
    const response = await send("/clinic/v1/assess", {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify(request),
      signal,
    });
    // A connection may break in the middle of the body.
    const body = await response.text().catch((error: unknown) => {
      if (signal.aborted) throw error;
      throw new Problem("offline", error instanceof Error ? error.message : String(error));
    });
    const value = parseJson(body);
    if (!isAssessment(value)) throw new Problem("malformed", "not an assessment of schema baltoro.assessment/1");
    return value;
  };
}

/** As far as a page must know before it draws: the schema and the lists. */
function isAssessment(value: unknown): value is Assessment {
  if (!isRecord(value) || value["schema"] !== "baltoro.assessment/1") return false;
  const lists = ["redFlags", "items", "differential", "missing", "notices"].every((name) => Array.isArray(value[name]));
  return lists && ["model", "note", "patient", "scope"].every((name) => isRecord(value[name]));
}
