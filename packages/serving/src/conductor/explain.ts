import type { Decision, EstimateTerms, Rejection } from "./types.ts";

/**
 * The formula of a decision with its values, in one line of text per term; for logs, the 429's body and debugging.
 *
 * @example
 * explain(decision);
 * // request 7: prefill on 3, decode on 12 (policy min, admission predictive)
 * // TTFT = max(queue 812 ms, transfer 105 ms) + prefill 640 ms [6955 tokens, prefix 4096: local 512 + 3584 from 5; best 4096 on 5] = 1452 ms ≤ 30000 ms
 * // …
 */
export function explain(answer: Decision | Rejection): string {
  const { request, terms } = answer;
  if (answer.kind === "decision") {
    return [
      `request ${request}: prefill on ${answer.prefill}, decode on ${answer.decode} (policy ${answer.terms.policy}, admission ${answer.terms.admission})`,
      ...termLines(answer.terms),
    ].join("\n");
  }
  if (!terms) {
    const role = answer.limit === "no-prefill-worker" ? "prefills" : "decodes";
    return `request ${request}: rejected, no worker ${role}`;
  }
  const unit = { ttft: " ms", tbt: " ms", "kv-memory": " tokens" }[answer.limit as string] ?? "";
  const retry =
    answer.retryAfterMs === null ? "waiting would not help" : `retry after ${Math.ceil(answer.retryAfterMs / 1000)} s`;
  return [
    `request ${request}: rejected at ${answer.stage}, ${answer.limit} ${number(answer.value)}${unit} > ${number(answer.allowed)}${unit} by ${number(answer.excess)}${unit}; ${retry} (policy ${terms.policy}, admission ${terms.admission})`,
    ...termLines(terms),
  ].join("\n");
}

function termLines(terms: EstimateTerms): string[] {
  const queue = `queue ${number(terms.queueMs)} ms`;
  const transfer = `transfer ${number(terms.transferMs)} ms`;
  const before = terms.ttftForm === "sum" ? `${queue} + ${transfer}` : `max(${queue}, ${transfer})`;
  const fetched = terms.transferTokens > 0 ? ` + ${terms.transferTokens} from ${terms.bestWorker}` : "";
  const best = terms.bestWorker < 0 ? "nobody has any" : `best ${terms.bestPrefixTokens} on ${terms.bestWorker}`;
  const prefix = `${terms.inputTokens} tokens, prefix ${terms.prefixTokens}: local ${terms.localPrefixTokens}${fetched}; ${best}`;
  const comparison = (value: number, limit: number, unit: string) =>
    `${number(value)}${unit} ${value <= limit ? "≤" : ">"} ${number(limit)}${unit}`;
  return [
    `TTFT = ${before} + prefill ${number(terms.prefillMs)} ms [${prefix}] = ${comparison(terms.ttftMs, terms.ttftLimitMs, " ms")}`,
    `TBT = step(batch ${number(terms.decodeBatch)}, context ${number(terms.decodeContextTokens)} tokens) at ${number(terms.decodeAtMs)} ms = ${comparison(terms.tbtMs, terms.tbtLimitMs, " ms")}; handoff ${number(terms.handoffMs)} ms`,
    `load: prefill ${number(terms.prefillLoad)}, decode ${number(terms.decodeLoad)}; expected output ${number(terms.outputTokens)} tokens`,
  ];
}

function number(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}
