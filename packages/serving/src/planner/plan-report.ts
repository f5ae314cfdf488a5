import {
  escapeText,
  type Figure,
  renderFigures,
  renderPage,
  renderRecord,
  renderTable,
  renderTiles,
} from "@baltoro/plot";
import { time as ms, share as percent } from "../simulator-report/quantities.ts";
import type { Plan, PlanPoint } from "./search.ts";

/** What was planned for, as the reader knows it. */
export interface PlanContext {
  readonly trace: string;
  readonly model: string;
  readonly hardware: string;
  readonly ttftLimitMs: number;
  readonly tbtLimitMs: number;
  /** Everything else that the runs had in common. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly command?: string;
}

/** The answer in one sentence, and where there is none, why. */
export function planSentence({ answer, target, ended, frontier }: Plan): string {
  const goal = percent(target);
  if (answer)
    return `${answer.cluster}: ${answer.nodes} nodes reach ${percent(answer.goodput)}, ${goal} were asked for`;
  const best = frontier.reduce((a, b) => (b.goodput > a.goodput ? b : a));
  const why =
    ended === "saturated"
      ? `more nodes do not help any more: ${reasons(best)}`
      : `this is as many nodes as were allowed (--max-nodes); ${reasons(best)}`;
  return `no cluster reaches ${goal}: the best is ${best.cluster} with ${percent(best.goodput)}; ${why}`;
}

function reasons({ ttft, tbt, rejected }: PlanPoint): string {
  const parts = [
    rejected > 0 ? `${percent(rejected)} are rejected` : "",
    ttft < 1 ? `${percent(1 - ttft)} miss TTFT` : "",
    tbt < 1 ? `${percent(1 - tbt)} miss TBT` : "",
  ].filter(Boolean);
  return parts.length > 0 ? parts.join(", ") : "nothing is missed";
}

/** The frontier as rows of text: nodes, split, what it reaches. */
export function planRows({ frontier, target, answer }: Plan): { header: string[]; rows: string[][] } {
  return {
    header: ["nodes", "best split", "effective", "TTFT ok", "TBT ok", "rejected", "TTFT p90", "TBT p90", ""],
    rows: frontier.map((point) => [
      String(point.nodes),
      point.cluster,
      percent(point.goodput),
      percent(point.ttft),
      percent(point.tbt),
      percent(point.rejected),
      ms(point.ttftP90Ms),
      ms(point.tbtP90Ms),
      point === answer ? "← the smallest" : point.goodput >= target ? "enough" : "",
    ]),
  };
}

/** The plan as one HTML page, as self-contained as a simulation's report. */
export function planHtml(plan: Plan, context: PlanContext): string {
  const { answer, target, tried } = plan;
  const title = answer ? `${answer.cluster} for ${context.trace}` : `No cluster for ${context.trace}`;
  const subtitle = `${context.model} on ${context.hardware}: ${percent(target)} of the requests complete, TTFT ≤ ${ms(context.ttftLimitMs)}, TBT ≤ ${ms(context.tbtLimitMs)}`;
  const badge = answer ? '<span class="badge">found</span>' : '<span class="badge open">out of reach</span>';
  const { header, rows } = planRows(plan);
  return renderPage(
    title,
    [
      `<header><h1>${escapeText(title)}</h1>${badge}<p>${escapeText(subtitle)}</p></header>`,
      renderTiles(tiles(plan)),
      `<p>${escapeText(`${planSentence(plan)}.`)}</p>`,
      renderFigures(figures(plan)),
      `<h2>The best of each size</h2>${renderTable(header, rows)}`,
      `<details><summary>All ${tried.length} clusters that were tried</summary>${renderTable(
        ["cluster", "nodes", "effective", "TTFT ok", "TBT ok", "rejected"],
        tried.map((point) => [
          point.cluster,
          String(point.nodes),
          percent(point.goodput),
          percent(point.ttft),
          percent(point.tbt),
          percent(point.rejected),
        ]),
      )}</details>`,
      '<h2>What was run</h2><div class="cards">',
      context.command ? `<section class="card"><h3>again</h3><pre>${escapeText(context.command)}</pre></section>` : "",
      renderRecord("settings", context.settings),
      "</div><footer>Made by Baltoro. Each point is one simulation of the whole trace.</footer>",
    ].join(""),
  );
}

function tiles({ answer, frontier, tried, target }: Plan) {
  const best = answer ?? frontier.reduce((a, b) => (b.goodput > a.goodput ? b : a));
  const { prefill, decode, coupled } = best.shape;
  return [
    { label: answer ? "smallest cluster" : "best cluster", value: best.cluster, note: `${best.nodes} nodes` },
    { label: "effective", value: percent(best.goodput), note: `${percent(target)} asked for` },
    {
      label: "prefill : decode",
      value: coupled > 0 ? "coupled" : `${prefill} : ${decode}`,
      note: coupled > 0 ? "" : `${(prefill / decode).toFixed(2)} to 1`,
    },
    { label: "TTFT p90", value: ms(best.ttftP90Ms), note: `${percent(best.ttft)} within the limit` },
    { label: "TBT p90", value: ms(best.tbtP90Ms), note: `${percent(best.tbt)} within the limit` },
    { label: "simulations", value: String(tried.length), note: `${frontier.length} sizes` },
  ];
}

function figures(plan: Plan): Figure[] {
  const { frontier, target, tried } = plan;
  const best = plan.answer ?? frontier[frontier.length - 1];
  const curve = (pick: (point: PlanPoint) => number) =>
    frontier.map((point) => ({ x: point.nodes, y: 100 * pick(point) }));
  const splits = tried.filter((point) => point.nodes === best.nodes).sort((a, b) => a.shape.prefill - b.shape.prefill);
  return [
    {
      heading: "What each node buys",
      size: "wide",
      caption: "The best split of each size that was tried. Effective: complete, and within both limits.",
      chart: {
        alt: "Share of effective requests by the number of nodes",
        xLabel: "nodes",
        xWhole: true,
        yLabel: "% of requests",
        yDomain: [0, 100],
        rules: [{ y: 100 * target, label: `target ${percent(target)}` }],
        series: [
          { label: "within TTFT", points: curve(({ ttft }) => ttft), color: "var(--c3)", width: 1.3, dash: "5 4" },
          { label: "within TBT", points: curve(({ tbt }) => tbt), color: "var(--c2)", width: 1.3, dash: "5 4" },
          { label: "effective", points: curve(({ goodput }) => goodput), color: "var(--c1)", width: 2.4, dots: true },
        ],
      },
    },
    ...(splits.length > 1
      ? [
          {
            heading: `Splits of ${best.nodes} nodes`,
            size: "wide" as const,
            caption: `${splits.length} splits were tried; ${best.cluster} is the best of them.`,
            chart: {
              alt: "Share of effective requests by the number of prefill nodes",
              xLabel: "prefill nodes",
              xWhole: true,
              yLabel: "% of requests",
              series: [
                {
                  label: "within TTFT",
                  points: splits.map(({ shape, ttft }) => ({ x: shape.prefill, y: 100 * ttft })),
                  color: "var(--c3)",
                  width: 1.3,
                  dash: "5 4",
                },
                {
                  label: "within TBT",
                  points: splits.map(({ shape, tbt }) => ({ x: shape.prefill, y: 100 * tbt })),
                  color: "var(--c2)",
                  width: 1.3,
                  dash: "5 4",
                },
                {
                  label: "effective",
                  points: splits.map(({ shape, goodput }) => ({ x: shape.prefill, y: 100 * goodput })),
                  color: "var(--c1)",
                  width: 2.4,
                  dots: true,
                },
              ],
            },
          },
        ]
      : []),
  ];
}
