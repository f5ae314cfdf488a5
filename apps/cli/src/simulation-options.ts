import { readFileSync } from "node:fs";
import {
  ConfigError,
  type CostModel,
  findHardware,
  findModel,
  fitMeasurements,
  hardwareNames,
  measuredCost,
  modelNames,
  parseMeasurements,
  type SimulationInput,
} from "@baltoro/serving";
import { boundedOption, choiceOption, durationOption, OptionError } from "./options.ts";

/** Options of a simulated cluster but its size. */
export const clusterOptions = {
  model: { type: "string" },
  hardware: { type: "string" },
  cost: { type: "string" },
  mfu: { type: "string" },
  calibration: { type: "string" },
  "calibration-of": { type: "string" },
  policy: { type: "string" },
  admission: { type: "string" },
  ttft: { type: "string" },
  tbt: { type: "string" },
  threshold: { type: "string" },
  "decode-time": { type: "string" },
  "prefill-group": { type: "string" },
  chunk: { type: "string" },
  "no-layerwise": { type: "boolean" },
  "max-batch": { type: "string" },
  dram: { type: "string" },
  ssd: { type: "string" },
  eviction: { type: "string" },
  "event-delay": { type: "string" },
  "role-switching": { type: "boolean" },
  "prefix-caching": { type: "boolean" },
  "chunked-prefill": { type: "boolean" },
  "chunk-tokens": { type: "string" },
  routing: { type: "string" },
  sample: { type: "string" },
} as const;

export const clusterUsage = `  --model NAME          ${modelNames.join(", ")} (default llama3-70b), or a config.json of K2
  --hardware NAME       ${hardwareNames.join(", ")}: nodes of 8 GPUs (default a800); a800x16 has 16
  --policy NAME         min (default), paper, random, load-balancing, local-cache-aware
  --admission NAME      none (default), baseline, early, predictive, request-level
  --ttft 30s --tbt 100ms  limits of the time to the first token, and between tokens
  --cost NAME           equation-1 (default), measured, first-principles   --mfu X   FLOPs in use (default 0.5)
  --calibration FILE    measurements as CSV; --calibration-of llama2-70b,a100-80gb,8 picks model, GPU, parallel
  --threshold X         balancing threshold (default 1.25)   --decode-time 20s  t_d of predictive admission
  --prefill-group N     nodes of a chunked pipeline (default 1)   --chunk N     tokens of its chunks (4096)
  --dram GiB --ssd GiB  for prompt KV on each node (default 1000, 0)   --eviction lru, lfu, length-aware
  --max-batch N         sequences of a decode batch (default 256)   --no-layerwise   KV moves after the prefill
  --role-switching      nodes change roles as loads ask          --event-delay 5ms   what the conductor knows is old
  coupled clusters:     --prefix-caching  --chunked-prefill  --chunk-tokens N
                        --routing load-balancing (default), random, local-cache-aware`;

type Values = Readonly<Partial<Record<keyof typeof clusterOptions | "seed", string | boolean>>>;

/** The configuration that the options describe. @throws OptionError */
export function clusterInput(values: Values, cluster: string): SimulationInput {
  const text = (name: keyof Values) => values[name] as string | undefined;
  const whole = (name: keyof Values) => boundedOption(name, text(name), { least: 1, whole: true });
  return {
    cluster,
    model: text("model"),
    hardware: text("hardware"),
    cost: choiceOption("cost", text("cost"), ["equation-1", "measured", "first-principles"] as const),
    mfu: boundedOption("mfu", text("mfu"), { above: 0 }),
    policy: choiceOption("policy", text("policy"), [
      "min",
      "paper",
      "random",
      "load-balancing",
      "local-cache-aware",
    ] as const),
    admission: choiceOption("admission", text("admission"), [
      "none",
      "baseline",
      "early",
      "predictive",
      "request-level",
    ] as const),
    ttftLimitMs: durationOption("ttft", text("ttft")),
    tbtLimitMs: durationOption("tbt", text("tbt")),
    balancingThreshold: boundedOption("threshold", text("threshold"), { above: 0 }),
    decodeTimeMs: durationOption("decode-time", text("decode-time")),
    seed: boundedOption("seed", text("seed"), { least: 0, whole: true }),
    prefillGroup: whole("prefill-group"),
    prefillChunkTokens: whole("chunk"),
    layerwise: values["no-layerwise"] === true ? false : undefined,
    maxDecodeBatch: whole("max-batch"),
    dramGiB: boundedOption("dram", text("dram"), { least: 0 }),
    ssdGiB: boundedOption("ssd", text("ssd"), { least: 0 }),
    eviction: choiceOption("eviction", text("eviction"), ["lru", "lfu", "length-aware"] as const),
    eventDelayMs: durationOption("event-delay", text("event-delay")),
    roleSwitching: values["role-switching"] === true ? true : undefined,
    sampleMs: durationOption("sample", text("sample")),
    coupled: {
      prefixCaching: values["prefix-caching"] === true,
      chunkedPrefill: values["chunked-prefill"] === true,
      chunkTokens: whole("chunk-tokens") ?? 512,
      routing:
        choiceOption("routing", text("routing"), ["load-balancing", "random", "local-cache-aware"] as const) ??
        "load-balancing",
    },
  };
}

/** The cost model of --calibration: a fit of one's own measurements. Without the option undefined. @throws OptionError */
export function calibratedCost(values: Values): CostModel | undefined {
  const path = values.calibration as string | undefined;
  if (path === undefined) {
    if (values["calibration-of"] !== undefined) throw new OptionError("--calibration-of needs --calibration FILE");
    return undefined;
  }
  const model = (values.model as string | undefined) ?? "llama3-70b";
  const hardware = (values.hardware as string | undefined) ?? "a800";
  const of = ((values["calibration-of"] as string | undefined) ?? `${model},${hardware},8`).split(",");
  const parallel = Number(of[2] ?? 8);
  if (of.length < 2 || of.length > 3 || !Number.isSafeInteger(parallel) || parallel < 1)
    throw new OptionError(`--calibration-of is ${of.join(",")}, expected MODEL,GPU,PARALLEL as llama2-70b,a100-80gb,8`);
  let csv: string;
  try {
    csv = readFileSync(path, "utf8");
  } catch (error) {
    throw new OptionError(`--calibration ${path} cannot be read: ${(error as Error).message}`);
  }
  try {
    const rows = parseMeasurements(csv, { model: of[0], hardware: of[1], tensorParallel: parallel });
    if (rows.length === 0)
      throw new Error(`no row is of ${of.join(",")}; --calibration-of one of ${measuredKinds(csv).join(" ")}`);
    return measuredCost(findModel(model), findHardware(hardware), fitMeasurements(rows, `${path}, ${of.join(", ")}`));
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new OptionError(`--calibration ${path}: ${(error as Error).message}`);
  }
}

/** What a file of measurements holds, as --calibration-of takes it. */
function measuredKinds(csv: string): string[] {
  const [head, ...rows] = csv.split(/\r?\n/).map((line) => line.split(","));
  const columns = ["model", "hardware", "tensor_parallel"].map((name) => head.indexOf(name));
  const kinds = rows.filter((row) => row.length > 1).map((row) => columns.map((column) => row[column]).join(","));
  return [...new Set(kinds)].sort();
}

const optionOf: Readonly<Record<string, string>> = {
  ttftLimitMs: "ttft",
  tbtLimitMs: "tbt",
  balancingThreshold: "threshold",
  decodeTimeMs: "decode-time",
  prefillGroup: "prefill-group",
  prefillChunkTokens: "chunk",
  maxDecodeBatch: "max-batch",
  dramGiB: "dram",
  ssdGiB: "ssd",
  eventDelayMs: "event-delay",
  roleSwitching: "role-switching",
  sampleMs: "sample",
};

/** What an error of the configuration says, by the option that the user gave. */
export function configMessage(error: ConfigError): string {
  return error.message.replace(/^[\w.]+/, (field) => `--${optionOf[field] ?? field}`);
}
