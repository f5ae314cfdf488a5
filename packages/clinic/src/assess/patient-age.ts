import { ageOf } from "../examples/index.ts";
import type { Item } from "../extract/index.ts";

const ageCode = "30525-0";

/** 6岁 男, 4岁，女孩 */
const after = /^[\s，,、]{0,3}(?:的?[男女]|孩)/;
/** 一般情况：, my daughter is a, and the answer to 多大. */
const before =
  /(?:一般情况[】\]：:\s]{0,4}|\b(?:my|our) (?:little )?(?:son|daughter|child|baby|boy|girl|kid)(?:,| is| was)?(?: (?:an?|about|just|now|only|almost|nearly))? |(?:多大|几岁|年龄|多少岁)[^\n]{0,12}\n[^\n：:]{0,6}[：:]\s*)$/i;

/**
 * The patient's age, months: the note's first current age; else the first age that what stands around it gives to the patient, which stage 1
 * takes for a relative's where a parent speaks.
 */
export function patientAge(text: string, items: readonly Item[]): number | undefined {
  const current = ageOf(items);
  if (current !== undefined) return current;
  const found = items.find(
    ({ code, status, start, end, value }) =>
      code === ageCode &&
      status === "other" &&
      value !== undefined &&
      (after.test(text.slice(end, end + 6)) || before.test(text.slice(Math.max(0, start - 40), start))),
  );
  return found?.value;
}
