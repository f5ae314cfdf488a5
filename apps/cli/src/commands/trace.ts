import { closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { duration } from "@baltoro/plot";
import {
  fitTrace,
  mooncakeLines,
  type Trace,
  TraceError,
  type TraceFit,
  type TraceStatistics,
  traceStatistics,
} from "@baltoro/serving";
import { nearest, OptionError, parseOptions } from "../options.ts";
import { textTable } from "../table.ts";
import { openTrace, traceOptions, traceUsage } from "../trace-source.ts";
import type { Command } from "../usage.ts";
import { told } from "./simulate.ts";

const usage = `baltoro trace stats FILE               what a log is like: rate, lengths, what a cache could save
baltoro trace fit FILE --out FILE      a handful of numbers that generate a trace like it, and how well: safe to share
baltoro trace generate --out FILE      a trace from such numbers, or from --generate ${"chat"}, agent, documents
baltoro trace convert FILE --out FILE  any log as Mooncake's JSON lines: times, lengths and block ids, no text

${traceUsage}
  --seed N              of generated traces and jitter (default 1)
  --out FILE            where to write              --json           prints JSON`;

const options = { ...traceOptions, out: { type: "string" }, json: { type: "boolean" } } as const;
const actions = { stats, fit, generate, convert };

interface Given {
  readonly trace: Trace;
  readonly out?: string;
  readonly json: boolean;
}

export const trace: Command = {
  summary: "look into a request log, fit a generator to it, make one",
  usage,
  async run(args) {
    try {
      const [name, ...rest] = args;
      if (name === undefined || !Object.hasOwn(actions, name)) {
        const near = nearest(name ?? "", Object.keys(actions));
        const what =
          name === undefined || name.startsWith("-") ? "trace does nothing by itself" : `there is no \`trace ${name}\``;
        throw new OptionError(
          `${what}: there are ${Object.keys(actions).join(", ")}${near ? `; did you mean ${near}?` : ""}`,
        );
      }
      const { values, positionals } = parseOptions(rest, options, true);
      if (positionals.length > 1) throw new OptionError(`one file at a time, not ${positionals.join(", ")}`);
      if (positionals.length === 1 && values.trace !== undefined)
        throw new OptionError(`${positionals[0]} and --trace ${values.trace}: which of the two?`);
      const path = positionals[0] ?? values.trace;
      if (path === undefined && name !== "generate" && values.generate === undefined)
        throw new OptionError(`trace ${name} needs a file: baltoro trace ${name} requests.jsonl`);
      if (path !== undefined && name === "generate")
        throw new OptionError(`trace generate makes a trace; --generate ${path} reads its parameters from a file`);
      const opened = await openTrace({ ...values, trace: path }, (line) => console.error(line));
      return actions[name as keyof typeof actions]({ trace: opened, out: values.out, json: values.json === true });
    } catch (error) {
      return told("trace", error);
    }
  },
};

function stats({ trace: log, json }: Given): number {
  const { info } = log;
  const statistics = traceStatistics(log);
  if (json) console.log(JSON.stringify({ trace: info, statistics }));
  else {
    const { name, format, blockSize, requests, spanMs } = info;
    console.log(`${name} (${format}): ${requests.toLocaleString("en")} requests in ${duration(spanMs / 1000)}`);
    console.log(`blocks of ${blockSize} tokens; sha256 ${info.sha256}\n`);
    for (const line of statisticsLines(statistics, info.sharing)) console.log(line);
  }
  return 0;
}

function statisticsLines(statistics: TraceStatistics, sharing: boolean): string[] {
  const { perSecond, dispersion, input, output, blocks, uniqueBlocks, lruHitRatio } = statistics;
  const number = (value: number) => Math.round(value).toLocaleString("en");
  const percent = (value: number) => `${(100 * value).toFixed(2)} %`;
  const row = (label: string, of: typeof input) => [label, ...[of.mean, of.p50, of.p90, of.p99, of.max].map(number)];
  const lengths = textTable(
    ["tokens", "mean", "p50", "p90", "p99", "max"],
    [row("input", input), row("output", output)],
    200,
  );
  const rate = `${perSecond.toFixed(2)} requests/s, dispersion ${dispersion.toFixed(2)} (1 is Poisson, more comes in bursts)`;
  if (!sharing) return [rate, "", ...lengths, "", "the log does not say what its prompts share"];
  return [
    rate,
    "",
    ...lengths,
    "",
    `${number(blocks)} blocks, ${number(uniqueBlocks)} different`,
    ...textTable(
      ["one shared cache of", "hit ratio, blocks"],
      [
        ...lruHitRatio.map((one) => [`${number(one.blocks)} blocks, LRU`, percent(one.hitRatio)]),
        ["no limit", percent(statistics.infiniteHitRatio)],
        ["no limit, in tokens", percent(statistics.infiniteHitRatioTokens)],
      ],
      200,
    ),
  ];
}

function fit({ trace: log, out, json }: Given): number {
  const fitted = fitTrace(log);
  const text = `${JSON.stringify(fitted.parameters, null, 1)
    .replaceAll(/\n +(-?[\d.]+,?)(?=\n)/g, " $1")
    .replaceAll(/\n +\]/g, " ]")}\n`;
  if (json) {
    console.log(JSON.stringify(fitted));
    return 0;
  }
  // Without --out the parameters are what the command gives, and may be led into a file.
  const say = out === undefined ? console.error : console.log;
  if (out === undefined) process.stdout.write(text);
  else write(out, [text]);
  say(fitLines(fitted).join("\n"));
  if (out !== undefined) {
    say(`\nwritten to ${out}: read it before you share it`);
    say(`npx baltoro simulate --generate ${out} replays a trace like the log`);
  }
  return 0;
}

function fitLines({ comparison, seeds }: TraceFit): string[] {
  const figure = (value: number) =>
    Math.abs(value) >= 100 ? Math.round(value).toLocaleString("en") : value.toPrecision(3);
  const rows = comparison.map(({ name, log, generated, spread }) => [
    name,
    figure(log),
    figure(generated),
    spread === null ? "–" : `± ${figure(spread)}`,
    log === 0 ? "–" : `${generated >= log ? "+" : "−"}${Math.abs(100 * (generated / log - 1)).toFixed(1)} %`,
  ]);
  return [
    `How the fitted generator compares, over ${seeds.length} seed${seeds.length === 1 ? "" : "s"}:`,
    ...textTable(["", "log", "generated", "seeds", "error"], rows, 200),
  ];
}

function generate({ trace: made, out, json }: Given): number {
  return writeTrace(made, out, json);
}

function convert({ trace: log, out, json }: Given): number {
  return writeTrace(log, out, json);
}

function writeTrace(made: Trace, out: string | undefined, json: boolean): number {
  if (out === undefined) {
    for (const piece of mooncakeLines(made)) process.stdout.write(piece);
    return 0;
  }
  write(out, mooncakeLines(made));
  const { requests, spanMs } = made.info;
  if (json) console.log(JSON.stringify({ out, ...made.info }));
  else console.log(`${out}: ${requests.toLocaleString("en")} requests in ${duration(spanMs / 1000)}`);
  return 0;
}

function write(path: string, pieces: Iterable<string>): void {
  if (path.endsWith("/")) throw new OptionError(`--out is ${path}, expected a file`);
  try {
    mkdirSync(dirname(path), { recursive: true });
    const file = openSync(path, "w");
    try {
      for (const piece of pieces) writeSync(file, piece);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw new TraceError(`${path} cannot be written: ${(error as Error).message}`);
  }
}
