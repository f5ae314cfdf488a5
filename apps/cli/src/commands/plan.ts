import { writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  createSimulation,
  type PlanPoint,
  planCluster,
  planHtml,
  planRows,
  planSentence,
  simulationConfig,
} from "@baltoro/serving";
import { boundedOption, parseOptions, shareOption } from "../options.ts";
import { runSimulation, stopOnInterrupt } from "../run-simulation.ts";
import { calibratedCost, clusterInput, clusterOptions, clusterUsage } from "../simulation-options.ts";
import { textTable } from "../table.ts";
import { openTrace, traceOptions, traceUsage } from "../trace-source.ts";
import type { Command } from "../usage.ts";
import { virtualProgress } from "../virtual-progress.ts";
import { fileName, makeDirectory, quoted, told } from "./simulate.ts";

const usage = `baltoro plan [--trace FILE] --ttft 30s --tbt 100ms --goodput 99% [options]
  searches for the smallest cluster that keeps its limits, and how to split it into prefill and decode

  --goodput 99%         share of the requests to complete within both limits (default 99%)
  --coupled             of coupled nodes, as a baseline
  --max-nodes N         search no further (default 256)
${traceUsage}
${clusterUsage}
  --seed N              of generated traces, jitter and the random policy (default 1)
  --out DIR             for plan.html and plan.json (default runs-out/plan-TRACE)
  --json                prints the plan as JSON

  Each cluster that is tried is one simulation of the whole trace. Exit code 3: no cluster reaches the goodput.`;

class Stopped extends Error {}

export const plan: Command = {
  summary: "the smallest cluster, and its prefill:decode split, that keeps its latencies",
  usage,
  async run(args) {
    try {
      return await search(args);
    } catch (error) {
      if (error instanceof Stopped) {
        console.error("stopped before the answer was found");
        return 130;
      }
      return told("plan", error);
    }
  },
};

async function search(args: string[]): Promise<number> {
  const { values } = parseOptions(args, {
    ...traceOptions,
    ...clusterOptions,
    goodput: { type: "string" },
    coupled: { type: "boolean" },
    "max-nodes": { type: "string" },
    out: { type: "string" },
    json: { type: "boolean" },
  });
  const target = shareOption("goodput", values.goodput) ?? 0.99;
  const prefillGroup = boundedOption("prefill-group", values["prefill-group"], { least: 1, whole: true });
  const maxNodes = boundedOption("max-nodes", values["max-nodes"], { least: values.coupled ? 1 : 2, whole: true });
  const cost = calibratedCost(values);
  const base = clusterInput(values, "1P1D");
  let config = simulationConfig({ ...base, cluster: `${prefillGroup ?? 1}P1D` });
  const trace = await openTrace(values, (line) => console.error(line));
  const directory = values.out ?? join("runs-out", `plan-${fileName(trace.info.name)}`);
  makeDirectory(directory);
  const signal = stopOnInterrupt("stopping");
  const quiet = values.json === true;

  const found = await planCluster(
    async (cluster) => {
      const simulation = createSimulation(trace, { ...base, cluster }, { cost });
      config = simulation.config;
      if (!(await runSimulation(simulation, trace, virtualProgress(cluster.padEnd(8)), signal))) throw new Stopped();
      const { attainment, latencies, requests } = simulation.result();
      return {
        goodput: attainment.effective,
        ttft: attainment.ttft,
        tbt: attainment.tbt,
        rejected: requests.rejected / requests.total,
        ttftP90Ms: latencies.ttftMs.p90,
        tbtP90Ms: latencies.tbtMs.p90,
      };
    },
    {
      target,
      coupled: values.coupled === true,
      maxNodes,
      prefillGroup,
      onPoint: (point) => {
        if (!quiet) console.log(pointLine(point, target));
      },
    },
  );
  const { cluster: _, ...settings } = config;
  const context = {
    trace: trace.info.name,
    model: config.model,
    hardware: config.hardware,
    ttftLimitMs: config.ttftLimitMs,
    tbtLimitMs: config.tbtLimitMs,
    settings: { ...settings, trace: trace.info },
    command: ["npx baltoro plan", ...args.map(quoted)].join(" "),
  };
  const json = `${JSON.stringify({ version: 1, ...found, settings: context.settings }, null, 2)}\n`;
  writeFileSync(join(directory, "plan.json"), json);
  writeFileSync(join(directory, "plan.html"), planHtml(found, context));
  if (quiet) process.stdout.write(json);
  else {
    const { header, rows } = planRows(found);
    console.log(`\n${textTable(header, rows, (process.stdout.columns ?? 100) - 1).join("\n")}`);
    console.log(`\n${planSentence(found)}`);
    console.log(`\nreport  ${join(directory, "plan.html")}\n        ${join(directory, "plan.json")}`);
  }
  return found.answer ? 0 : 3;
}

function pointLine({ cluster, goodput, ttft, tbt }: PlanPoint, target: number): string {
  const percent = (value: number) => `${(100 * value).toFixed(1)} %`.padStart(7);
  const enough = goodput >= target ? "  enough" : "";
  return `${cluster.padEnd(9)} effective ${percent(goodput)}   TTFT ok ${percent(ttft)}   TBT ok ${percent(tbt)}${enough}`;
}
