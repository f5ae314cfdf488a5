import {
  compactNumber,
  escapeText,
  renderFigures,
  renderPage,
  renderRecord,
  renderStack,
  renderTable,
  renderTiles,
  type StackPart,
  type Tile,
} from "@baltoro/plot";
import type { SimulationResult } from "../simulator/result.ts";
import {
  type FactGroup,
  factGroups,
  headline,
  isStopped,
  latencyRows,
  type Outcome,
  outcomes,
  provenance,
} from "./facts.ts";
import { reportFigures } from "./figures.ts";
import { bytes, count, share, significant, time } from "./quantities.ts";

/** What stands around a result on its page. */
export interface PageOptions {
  /** The command that makes the report again. */
  readonly command?: string;
  /** Where the capacity was enough: share of effective requests. Default 0.9, as FAST'25. */
  readonly goodput?: number;
}

/**
 * The report of a simulation as one HTML page: needs no network, and no script to be read; light and dark, phone to desk,
 * printable. The same result gives the same bytes.
 */
export function htmlReport(result: SimulationResult, { command, goodput = 0.9 }: PageOptions = {}): string {
  const { title, subtitle } = headline(result);
  const { attainment, notModelled, cost, config } = result;
  const enough = attainment.effective >= goodput;
  const badge = isStopped(result)
    ? '<span class="badge open">stopped</span>'
    : `<span class="badge${enough ? "" : " open"}">${share(attainment.effective)} effective</span>`;
  const facts = factGroups(result).map(card).join("");
  const { coupled, ...plain } = config;
  const setup = /M$/i.test(config.cluster) ? { ...plain, coupled } : plain;
  return renderPage(
    title,
    [
      `<header><h1>${escapeText(title)}</h1>${badge}<p>${escapeText(subtitle)}</p></header>`,
      renderTiles(tiles(result)),
      `<h2>How requests ended</h2><section class="card">${renderStack(outcomes(result).map(outcomePart), count)}</section>`,
      renderFigures(reportFigures(result)),
      `<h2>Latency of completed requests</h2>${latencyTable(result)}`,
      `<h2>Where prompt tokens came from</h2><section class="card">${renderStack(tokenParts(result), compactNumber)}${infinite(result)}</section>`,
      `<h2>Figures</h2><div class="cards">${facts}</div>`,
      nodeTable(result),
      roleTable(result),
      '<h2>What was run</h2><div class="cards">',
      card(provenance(result)),
      command ? `<section class="card"><h3>again</h3><pre>${escapeText(command)}</pre></section>` : "",
      noteCard(`cost model ${cost.name}`, cost.notes),
      noteCard("not modelled", notModelled),
      renderRecord("configuration", setup),
      "</div>",
      "<footer>Made by Baltoro. Virtual time only: wall times stand in a file of their own, and the same trace, configuration and seed give this page to the byte.</footer>",
    ].join(""),
  );
}

function tiles({ attainment, latencies, cache, requests }: SimulationResult): Tile[] {
  return [
    {
      label: "effective requests",
      value: share(attainment.effective),
      note: `${count(requests.effective)} of ${count(requests.total)}`,
    },
    { label: "goodput", value: `${significant(attainment.goodputPerSecond)}/s`, note: "effective requests" },
    { label: "TTFT", value: time(latencies.ttftMs.mean), note: `mean; p90 ${time(latencies.ttftMs.p90)}` },
    { label: "TBT", value: time(latencies.tbtMs.p90), note: "p90, longest tenths" },
    { label: "cache hits", value: share(cache.hitRatio), note: `infinite cache ${share(cache.infiniteHitRatio)}` },
    {
      label: "rejected",
      value: share(requests.total > 0 ? requests.rejected / requests.total : null),
      note: count(requests.rejected),
    },
  ];
}

const outcomeColors: Readonly<Record<Outcome["kind"], string>> = {
  good: "var(--c3)",
  slow: "var(--c5)",
  rejected: "var(--c6)",
  impossible: "var(--c4)",
  unfinished: "var(--axis)",
};

function outcomePart({ label, count: value, kind }: Outcome): StackPart {
  return { label, value, color: outcomeColors[kind] };
}

function tokenParts({ cache }: SimulationResult): StackPart[] {
  const { device, dram, ssd, remote } = cache.hitTokens;
  const hits = device + dram + ssd + remote;
  return [
    { label: "own device memory", value: device, color: "var(--c3)" },
    { label: "own DRAM", value: dram, color: "color-mix(in oklab, var(--c3) 65%, var(--c1))" },
    { label: "own SSD", value: ssd, color: "var(--c4)" },
    { label: "another node", value: remote, color: "var(--c5)" },
    { label: "computed", value: Math.max(0, cache.promptTokens - hits), color: "var(--c1)" },
  ];
}

function infinite({ cache, trace }: SimulationResult): string {
  const bound = trace.sharing
    ? `Of the prompts that were prefilled, ${share(cache.hitRatio)} was in a cache. Of the whole trace, rejected requests included, a cache without limits that all nodes share would have had ${share(cache.infiniteHitRatio)}.`
    : "The log does not say what its prompts share, so nothing can be saved.";
  return `<p>${escapeText(`${bound} ${compactNumber(cache.wastedPrefillTokens)} tokens were computed for requests that did not complete.`)}</p>`;
}

function latencyTable(result: SimulationResult): string {
  const columns = ["mean", "p50", "p90", "p95", "p99", "max"] as const;
  const rows = latencyRows(result).map(({ label, distribution, limitMs }) => [
    label.startsWith(" ") ? `– ${label.trim()}` : label,
    ...columns.map((name) => {
      const value = distribution[name];
      return limitMs !== null && value !== null && value > limitMs ? { bad: time(value) } : time(value);
    }),
    limitMs === null ? "" : time(limitMs),
  ]);
  return (
    renderTable(["", ...columns, "limit"], rows) +
    '<p class="note">TBT of a request is the mean of the longest tenth of its intervals between tokens (FAST’25 §5.2). TPOT is (end to end − TTFT) / (output tokens − 1). ITL counts every interval of every request.</p>'
  );
}

function nodeTable({ nodes }: SimulationResult): string {
  if (nodes.length === 0) return "";
  const shown = nodes.slice(0, 200);
  const rows = shown.map((node) => [
    node.name,
    node.role,
    share(node.prefillUtilization),
    share(node.decodeUtilization),
    count(node.prefills),
    count(node.decodes),
    significant(node.meanDecodeBatch),
    compactNumber(node.hitTokens),
    count(node.blocksAtEnd),
    count(node.evictedBlocks),
    bytes(node.sentBytes),
    bytes(node.receivedBytes),
  ]);
  const head = [
    "node",
    "role",
    "prefill",
    "decode",
    "prefills",
    "decodes",
    "mean batch",
    "hit tokens",
    "blocks",
    "evicted",
    "sent",
    "received",
  ];
  const rest =
    nodes.length > shown.length ? `<p class="note">${count(nodes.length - shown.length)} more in the JSON.</p>` : "";
  return `<details${nodes.length <= 24 ? " open" : ""}><summary>Each of the ${count(nodes.length)} nodes</summary>${renderTable(head, rows)}${rest}</details>`;
}

function roleTable({ roleSwitches }: SimulationResult): string {
  if (roleSwitches.length === 0) return "";
  const rows = roleSwitches.slice(0, 200).map(({ atMs, worker, from, to }) => [time(atMs), String(worker), from, to]);
  return `<details><summary>${count(roleSwitches.length)} role switches</summary>${renderTable(["at", "node", "from", "to"], rows)}</details>`;
}

function card({ title, facts }: FactGroup): string {
  return renderRecord(title, Object.fromEntries(facts.map(([label, value]) => [label.trim(), value])));
}

function noteCard(title: string, notes: readonly string[]): string {
  if (notes.length === 0) return "";
  const items = notes.map((note) => `<li>${escapeText(note)}</li>`).join("");
  return `<section class="card"><h3>${escapeText(title)}</h3><ul class="notes">${items}</ul></section>`;
}
