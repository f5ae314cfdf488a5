import type { ScopeReason } from "../../diagnosis/index.ts";
import { respiratoryMentions } from "./respiratory.ts";

/** From this age on, months, a patient is no child. */
export const adultMonths = 18 * 12;

/** Why a note cannot be ranked; none where it can. */
export function scopeReasons(text: string, ageMonths: number | undefined): ScopeReason[] {
  const reasons: ScopeReason[] = [];
  if (ageMonths === undefined) reasons.push("age-unknown");
  else if (ageMonths >= adultMonths) reasons.push("adult");
  if (respiratoryMentions(text).length === 0) reasons.push("not-respiratory");
  return reasons;
}

export { respiratoryMentions };
