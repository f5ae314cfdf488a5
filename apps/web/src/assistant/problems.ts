import { Problem } from "../api/problem.ts";
import type { ProblemName } from "./strings/index.ts";

/** Which of the page's messages tells of a problem: by what is to be done about it. */
export function problemName({ kind, status, code }: Problem): ProblemName {
  if (status === 413) return "tooLong";
  if (status === 403) return "forbidden";
  if (status === 404) return "noClinic";
  if (status === 501) return "notInstalled";
  if (status === 503 && code === "busy") return "busy";
  if (status === 503) return code !== undefined && /model|install/.test(code) ? "notInstalled" : "notReady";
  switch (kind) {
    case "offline":
    case "unauthorized":
    case "busy":
    case "rejected":
    case "malformed":
      return kind;
    case "cut":
      return "offline";
    case "server":
      return "server";
  }
}

/** A problem for any error: what is no {@link Problem} is the page's own failure to understand an answer. */
export function toProblem(error: unknown): Problem {
  return error instanceof Problem ? error : new Problem("malformed", String(error));
}
