/** The small assessor, with notes that make it fail in each way that a real one might; its errors quote the note, as careless ones do. */
import type { Assessor } from "../src/diagnosis/index.ts";
import { createAssessor as createSmall } from "./small-assessor.ts";

export async function createAssessor(options?: { broken?: string }): Promise<Assessor> {
  if (options?.broken) throw new Error(options.broken);
  const small = await createSmall();
  return {
    ...small,
    async assess(text, given) {
      if (text.includes("FAIL")) {
        const error = new Error(`cannot read: ${text}`);
        error.name = text;
        throw error;
      }
      if (text.includes("HANG")) for (;;);
      if (text.includes("CRASH")) {
        setTimeout(() => {
          throw new Error(text);
        });
        await new Promise(() => {});
      }
      if (text.includes("SLOW")) await new Promise((resolve) => setTimeout(resolve, 300));
      return small.assess(text, given);
    },
  };
}
