import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  ConfigError,
  createSimulation,
  htmlReport,
  reportJson,
  type SimulationResult,
  type SimulationTiming,
  simulationConfig,
  TraceError,
  terminalReport,
} from "@baltoro/serving";
import { terminalStyle } from "@baltoro/training";
import { OptionError, parseOptions, shareOption } from "../options.ts";
import { runSimulation, stopOnInterrupt } from "../run-simulation.ts";
import { calibratedCost, clusterInput, clusterOptions, clusterUsage, configMessage } from "../simulation-options.ts";
import { openTrace, traceOptions, traceUsage } from "../trace-source.ts";
import type { Command } from "../usage.ts";
import { virtualProgress } from "../virtual-progress.ts";

const defaultCluster = "10P10D";

const usage = `baltoro simulate [--trace FILE] [--cluster 10P10D] [options]
  replays a request log on a simulated cluster in virtual time, with the scheduler that the live cluster runs

  --cluster SHAPE       10P10D (default): nodes that prefill and nodes that decode; 20M: coupled nodes that do both
${traceUsage}
${clusterUsage}
  --seed N              of generated traces, jitter and the random policy (default 1)
  --out DIR             for report.html, report.json, timing.json (default runs-out/simulate-TRACE-CLUSTER)
  --goodput 90%         share of effective requests from which the page calls the cluster enough
  --verify              runs twice and compares the reports
  --json                prints the report as JSON instead of a table

  The same trace, options and seed give the same report, to the byte. Ctrl-C stops and reports what there is.
  baltoro simulate --trace requests.jsonl --cluster 10P10D --admission predictive --ttft 30s --tbt 100ms`;

export const simulate: Command = {
  summary: "replay a request log on a simulated cluster: will it keep its latencies?",
  usage,
  async run(args) {
    try {
      return await replay(args);
    } catch (error) {
      return told("simulate", error);
    }
  },
};

/** Prints errors that need no stack and no usage; others go on. @returns the exit code. */
export function told(command: string, error: unknown): number {
  const wrongOption = error instanceof OptionError || error instanceof ConfigError;
  if (!wrongOption && !(error instanceof TraceError)) throw error;
  console.error(`baltoro ${command}: ${error instanceof ConfigError ? configMessage(error) : error.message}`);
  if (wrongOption) console.error(`baltoro ${command} --help lists all options`);
  return wrongOption ? 2 : 1;
}

async function replay(args: string[]): Promise<number> {
  const { values } = parseOptions(args, {
    ...traceOptions,
    ...clusterOptions,
    cluster: { type: "string" },
    out: { type: "string" },
    goodput: { type: "string" },
    json: { type: "boolean" },
    verify: { type: "boolean" },
  });
  const input = clusterInput(values, values.cluster ?? defaultCluster);
  const goodput = shareOption("goodput", values.goodput);
  const cost = calibratedCost(values);
  // What can be said of the options is said before a long log is read.
  simulationConfig(input);
  const trace = await openTrace(values, (line) => console.error(line));
  const simulation = createSimulation(trace, input, { cost, wallClock: () => performance.now() });
  const directory =
    values.out ?? join("runs-out", `simulate-${fileName(trace.info.name)}-${simulation.config.cluster}`);
  makeDirectory(directory);
  const signal = stopOnInterrupt("stopping: the report is of what there is");
  const ended = await runSimulation(simulation, trace, virtualProgress(simulation.config.cluster), signal);
  const result = simulation.result();
  const command = ["npx baltoro simulate", ...args.map(quoted)].join(" ");
  write(directory, result, simulation.timing(), { command, goodput });
  if (values.json) process.stdout.write(reportJson(result));
  else {
    const style = { columns: process.stdout.columns ?? 100, ...terminalStyle(process.env) };
    const color = style.color && process.stdout.isTTY === true;
    console.log(terminalReport(result, { ...style, color }).join("\n"));
    console.log(`\nreport  ${join(directory, "report.html")}\n        ${join(directory, "report.json")}`);
    console.log(`        ${join(directory, "timing.json")}: ${speed(simulation.timing())}`);
  }
  if (ended && values.verify) {
    const again = createSimulation(trace, input, { cost });
    if (!(await runSimulation(again, trace, virtualProgress("verify"), signal))) return 130;
    if (reportJson(again.result()) !== reportJson(result))
      throw new Error(
        "the second run gave another report: this is a bug in Baltoro, please report it with the command",
      );
    console.error(`run twice, the same report to the byte: sha256 ${sha256(reportJson(result))}`);
  }
  if (!ended) console.error("stopped before the end: unfinished requests are counted as such");
  return ended ? 0 : 130;
}

function write(
  directory: string,
  result: SimulationResult,
  timing: SimulationTiming,
  page: { command: string; goodput?: number },
): void {
  writeFileSync(join(directory, "report.json"), reportJson(result));
  writeFileSync(join(directory, "report.html"), htmlReport(result, page));
  const wall = { ...timing, peakMiB: Math.round(process.resourceUsage().maxRSS / 1024) };
  writeFileSync(join(directory, "timing.json"), `${JSON.stringify(wall, null, 2)}\n`);
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function speed({ wallMs, speedup, decisionMicros }: SimulationTiming): string {
  const decisions = decisionMicros.p50 === null ? "" : `, a decision ${decisionMicros.p50.toFixed(1)} µs (p50)`;
  return `${(wallMs / 1000).toFixed(2)} s, ${Math.round(speedup).toLocaleString("en")}× real time${decisions}`;
}

/** Makes the directory of a report, before the work. @throws OptionError */
export function makeDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true });
  } catch (error) {
    throw new OptionError(`--out ${directory} cannot be a directory: ${(error as Error).message}`);
  }
}

/** A name of a trace as part of a directory's. */
export function fileName(name: string): string {
  return name.replace(/(\.(jsonl|json|csv|log|txt|gz|zst))+$/i, "").replaceAll(/[^\w.-]+/g, "-") || "trace";
}

/** An argument as a shell takes it. */
export function quoted(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`;
}
