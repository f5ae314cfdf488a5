import { existsSync, readFileSync } from "node:fs";
import {
  checkParameters,
  generateTrace,
  jitter,
  type LogFormat,
  parameterPresets,
  readTrace,
  speedUp,
  type Trace,
  TraceError,
  type TraceParameters,
  truncate,
} from "@baltoro/serving";
import { boundedOption, choiceOption, durationOption, OptionError } from "./options.ts";

/** Options of every command that takes a trace. */
export const traceOptions = {
  trace: { type: "string" },
  format: { type: "string" },
  "block-size": { type: "string" },
  lenient: { type: "boolean" },
  sort: { type: "boolean" },
  generate: { type: "string" },
  requests: { type: "string" },
  rate: { type: "string" },
  speed: { type: "string" },
  jitter: { type: "string" },
  until: { type: "string" },
  seed: { type: "string" },
} as const;

export const traceUsage = `  --trace FILE          Mooncake's JSON lines, Azure's CSV, or JSON lines of OpenAI's API; also .gz, .zst
  --generate NAME|FILE  without a trace: ${Object.keys(parameterPresets).join(", ")}, or parameters of \`trace fit\` (default chat)
  --requests N          so many from the start      --rate X         generated requests per second
  --speed X             replay X times as fast      --jitter 3s      spread arrivals over bins of coarse logs
  --until 10m           the first minutes only      --sort           put a log in order of time
  --lenient             skip and count bad lines    --block-size N   tokens of a block (default 512)
  --format NAME         mooncake, azure, openai (default: told from the first line)`;

type Values = Readonly<Partial<Record<keyof typeof traceOptions, string | boolean>>>;

/** Messages of skipped lines that are shown; the rest are counted. */
const shownSkips = 3;

/**
 * The trace that the options name, read or generated, and changed as they say.
 * @param say - Told what the user should know: skipped lines, that a trace is generated.
 * @throws OptionError, TraceError
 */
export async function openTrace(values: Values, say: (line: string) => void): Promise<Trace> {
  const text = (name: keyof typeof traceOptions) => values[name] as string | undefined;
  const seed = boundedOption("seed", text("seed"), { least: 0, whole: true }) ?? 1;
  const requests = boundedOption("requests", text("requests"), { least: 1, whole: true });
  const rate = boundedOption("rate", text("rate"), { above: 0 });
  const speed = boundedOption("speed", text("speed"), { above: 0 });
  const untilMs = durationOption("until", text("until"));
  const jitterMs = durationOption("jitter", text("jitter"));
  const blockSize = boundedOption("block-size", text("block-size"), { least: 1, whole: true });
  const format = choiceOption<LogFormat>("format", text("format"), ["mooncake", "azure", "openai"]);
  const path = text("trace");
  let trace: Trace;
  if (path !== undefined) {
    if (text("generate") !== undefined) throw new OptionError("--trace and --generate: which of the two?");
    if (rate !== undefined) throw new OptionError("--rate is for generated traces; --speed replays a log faster");
    let skipped = 0;
    const terminal = process.stderr.isTTY === true;
    trace = await readTrace(path, {
      format,
      blockSize,
      lenient: values.lenient === true,
      sort: values.sort === true,
      limit: requests,
      onSkip: (message) => {
        if (skipped++ < shownSkips) say(`skipped: ${message}`);
      },
      // A log of a million requests takes a while.
      onProgress: (count) => {
        if (terminal) process.stderr.write(`\rreading ${path}: ${count.toLocaleString("en")} requests\x1b[K`);
      },
    });
    if (terminal) process.stderr.write("\r\x1b[K");
    if (skipped > 0) say(`${skipped.toLocaleString("en")} lines were skipped`);
    if (!trace.info.sharing) say("this log does not say what its prompts share: no prefix will be found in any cache");
  } else {
    const name = text("generate") ?? "chat";
    const parameters = changed(readParameters(name), { requests, rate, blockSize });
    if (text("generate") === undefined)
      say(`no --trace: ${parameters.requests.toLocaleString("en")} requests are generated (--generate ${name})`);
    trace = generateTrace(parameters, seed);
  }
  trace = truncate(trace, { untilMs });
  if (speed !== undefined) trace = speedUp(trace, speed);
  return jitterMs === undefined || jitterMs === 0 ? trace : jitter(trace, jitterMs / (speed ?? 1), seed);
}

/** Parameters by the name of a preset, or from a file that `trace fit` wrote. @throws OptionError, TraceError */
export function readParameters(name: string): TraceParameters {
  if (Object.hasOwn(parameterPresets, name)) return parameterPresets[name];
  if (!existsSync(name)) {
    const presets = Object.keys(parameterPresets).join(", ");
    throw new OptionError(
      `--generate is ${name}, expected ${presets}, or a file of parameters as trace fit writes them`,
    );
  }
  let read: unknown;
  try {
    read = JSON.parse(readFileSync(name, "utf8"));
  } catch (error) {
    throw new TraceError(`${name} is no JSON of parameters: ${(error as Error).message}`);
  }
  return checkParameters(read);
}

function changed(
  parameters: TraceParameters,
  { requests, rate, blockSize }: { requests?: number; rate?: number; blockSize?: number },
): TraceParameters {
  return {
    ...parameters,
    requests: requests ?? parameters.requests,
    blockSize: blockSize ?? parameters.blockSize,
    arrivals: { ...parameters.arrivals, perSecond: rate ?? parameters.arrivals.perSecond },
  };
}
