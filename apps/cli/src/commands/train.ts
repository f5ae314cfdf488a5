import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { countParameters, type K2Config, parseConfig, preset, recomputeModes, storageFormats } from "@baltoro/k2";
import { countGpus, type Device, openDevice } from "@baltoro/tensor";
import {
  defaultPretrainConfig,
  gpuOfRank,
  joinGroup,
  type PretrainConfig,
  pretrain,
  type RankPlace,
  ranksFromEnvironment,
  readRunConfig,
  runDirectory,
  startLocalRanks,
  storedPretrainConfig,
} from "@baltoro/training";
import { deviceFlags, deviceOptions, deviceUsage } from "../checkpoint.ts";
import { type Command, integerOption, numberOption, UsageError } from "../usage.ts";

const usage = `baltoro train --data PATH [--data PATH …] [options]
  trains a tokenizer and a model on text: .txt, .md, .jsonl, each also .gz or .zst, directories, globs

  --out DIR             directory of the run (default runs-out/NAME of the first data file)
  --val PATH            text for validation (default: the last twentieth of the data)
  --resume              go on from the last checkpoint in --out; nothing else is needed then. --recompute may be another
  --model NAME|FILE     k2-tiny, k2-nano (default), k2-mini, or a config.json
  --tokenizer DIR       use this tokenizer instead of training one
  --steps N             optimizer steps (default 1000)
  --batch N             sequences a step (default 8)    --accumulate N  micro-batches a step (default 1)
  --sequence N          tokens of a sequence (default 512)
  --lr X                highest learning rate (default 4e-3)
  --optimizer NAME      muonclip (default) or adamw
  --tau X               QK-Clip threshold, 0 is off (default 100)
  --recompute MODE      activations that are computed again instead of kept, for less memory and the same bits: none (default), k2 (norms,
                        SwiGLU, MLA's up-projections, experts' down-projections) or layer (all but each layer's input)
  --store FORMAT        how the largest of those that are kept are stored: exact (default), or fp8, which rounds gradients
  --seed N              (default 1)
  ${deviceUsage}
  --ranks N             train with N processes on this machine, each on its part of the batch and on a GPU of
                        its own, where there are some (default 1); started by torchrun, mpirun or srun, a
                        process is one rank of that group
  --expert-parallel     divide the experts among the ranks as well

  Ctrl-C stops after the step under way, with a checkpoint; --resume goes on, bit for bit.`;

function modelConfig(name: string): K2Config {
  return name.endsWith(".json") ? parseConfig(JSON.parse(readFileSync(name, "utf8")), name) : preset(name);
}

function configFromOptions(values: Readonly<Record<string, string | boolean | string[] | undefined>>): PretrainConfig {
  const text = (name: string) => values[name] as string | undefined;
  const data = (values["data"] as string[] | undefined) ?? [];
  if (data.length === 0) throw new UsageError("--data is missing: which text to train on?");
  const optimizer = text("optimizer") ?? "muonclip";
  if (optimizer !== "muonclip" && optimizer !== "adamw")
    throw new UsageError(`--optimizer is ${optimizer}, expected muonclip or adamw`);
  const model = modelConfig(text("model") ?? "k2-nano");
  const given = {
    data,
    model,
    optimizer: optimizer as "muonclip" | "adamw",
    steps: integerOption("steps", text("steps")) ?? 1000,
    validation: text("val") === undefined ? [] : [text("val") as string],
    batchSize: integerOption("batch", text("batch")),
    tokenizer: text("tokenizer"),
    accumulation: integerOption("accumulate", text("accumulate")),
    sequenceLength: integerOption("sequence", text("sequence"), 2),
    learningRate: numberOption("lr", text("lr")),
    qkClipThreshold: numberOption("tau", text("tau")),
    recompute: choiceOption("recompute", recomputeModes, text("recompute")),
    store: choiceOption("store", storageFormats, text("store")),
    seed: integerOption("seed", text("seed"), 0),
    name: basename(text("out") ?? defaultDirectory(data)),
    subtitle: `${text("model") ?? "k2-nano"} on ${data.map((path) => basename(path)).join(", ")}`,
  };
  if (given.recompute === "layer" && given.store === "fp8")
    throw new UsageError(
      "--store fp8 goes with --recompute k2 or none: of whole layers the input alone is kept, exactly",
    );
  if ((given.sequenceLength ?? 0) > model.maxPositionEmbeddings) {
    throw new UsageError(
      `--sequence is ${given.sequenceLength}, the model takes ${model.maxPositionEmbeddings} positions`,
    );
  }
  const known = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return defaultPretrainConfig(known as typeof given & Pick<PretrainConfig, "data" | "model" | "steps">);
}

/** One of several words. @throws UsageError */
function choiceOption<T extends string>(name: string, known: readonly T[], value: string | undefined): T | undefined {
  const found = known.find((word) => word === value);
  if (value !== undefined && !found) throw new UsageError(`--${name} is ${value}, expected ${known.join(", ")}`);
  return found;
}

function defaultDirectory(data: readonly string[]): string {
  return join(
    "runs-out",
    basename(data[0])
      .split(".")[0]
      .replaceAll(/[^\w-]+/g, "-") || "run",
  );
}

/** What is trained, how and on what. */
function describeRun(config: PretrainConfig, { description }: Device, ranks: number): string[] {
  const { total, active } = countParameters(config.model);
  const { kind, threads, matmul } = description;
  const tokens = config.batchSize * config.sequenceLength * config.accumulation;
  return [
    `${config.name}: ${(total / 1e6).toFixed(1)}M parameters, ${(active / 1e6).toFixed(1)}M active a token; ${ranks > 1 ? `${ranks} ranks, each ` : ""}${kind}, ${threads} threads, ${matmul}`,
    `${config.steps} steps of ${tokens.toLocaleString("en")} tokens, ${config.optimizer}, learning rate ${config.learningRate}`,
  ];
}

/** Threads of a rank, where nobody said how many, and the machine's processors with. */
function threadsOfRank(localRanks: number): number | undefined {
  if (localRanks === 1 || process.env["BALTORO_THREADS"] !== undefined) return undefined;
  return Math.max(1, Math.floor(availableParallelism() / localRanks));
}

/** GPUs that `--device` NAME would be opened on; 0 where it is another device. */
function visibleGpus(device: string): number {
  if (device !== "cuda" && device !== "auto") return 0;
  try {
    return countGpus();
  } catch {
    // Opening the device says what is missing.
    return 0;
  }
}

/** The GPU of this rank, as an option of the device. */
function ordinalOption(device: string, place: RankPlace | null): { ordinal?: number } {
  const visible = place ? visibleGpus(device) : 0;
  return place && visible > 0 ? { ordinal: gpuOfRank(place, visible) } : {};
}

/** Runs this command again as N ranks. Ctrl-C reaches them by itself: the terminal sends it to all. */
async function trainRanks(size: number, args: readonly string[]): Promise<number> {
  const rest = args.filter((arg, i) => !/^--ranks(=|$)/.test(arg) && args[i - 1] !== "--ranks");
  const ranks = startLocalRanks({
    size,
    command: [process.execPath, ...process.execArgv, process.argv[1], "train", ...rest],
  });
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => {
    for (const child of ranks.processes) child.kill("SIGTERM");
  });
  const exits = await ranks.exits;
  const failed = exits.find(({ code }) => code !== 0 && code !== 130);
  if (failed) console.error(`rank ${failed.rank} ${failed.signal ? `was ended by ${failed.signal}` : "failed"} first`);
  return (failed ?? exits[0]).code ?? 1;
}

export const train: Command = {
  summary: "train a tokenizer and a model on your text",
  usage,
  async run(args) {
    const { values } = parseArgs({
      args,
      options: {
        data: { type: "string", multiple: true },
        out: { type: "string" },
        val: { type: "string" },
        resume: { type: "boolean" },
        model: { type: "string" },
        tokenizer: { type: "string" },
        steps: { type: "string" },
        batch: { type: "string" },
        accumulate: { type: "string" },
        sequence: { type: "string" },
        lr: { type: "string" },
        optimizer: { type: "string" },
        tau: { type: "string" },
        recompute: { type: "string" },
        store: { type: "string" },
        seed: { type: "string" },
        ...deviceFlags,
        ranks: { type: "string" },
        "expert-parallel": { type: "boolean" },
      },
    });
    const place = ranksFromEnvironment();
    const ranks = integerOption("ranks", values.ranks);
    if (ranks !== undefined && place && place.size > 1)
      throw new UsageError(
        `--ranks is ${ranks}, but ${place.source} started this process as rank ${place.rank} of ${place.size}`,
      );
    const chief = (place?.rank ?? 0) === 0;
    const directory = values.out ?? (values.data ? defaultDirectory(values.data) : undefined);
    if (directory === undefined) throw new UsageError("--data is missing: which text to train on?");
    const config = values.resume
      ? storedPretrainConfig(readRunConfig(runDirectory(directory)), {
          recompute: choiceOption("recompute", recomputeModes, values.recompute),
        })
      : configFromOptions(values);
    const { device: name = "auto", ...options } = deviceOptions(values);
    if (options.precision === "fp8")
      throw new UsageError(
        "--precision fp8 stores weights in e4m3, which are for inference: train with bf16, tf32 or f32",
      );
    const threads = options.threads ?? threadsOfRank(place?.localSize ?? 1);
    if (ranks !== undefined && ranks > 1) {
      if (config.batchSize % ranks !== 0)
        throw new UsageError(`--batch is ${config.batchSize}, which does not divide among ${ranks} ranks`);
      const visible = visibleGpus(name);
      if (visible > 0 && ranks > visible)
        throw new UsageError(
          `--ranks is ${ranks}, but the driver shows ${visible} GPUs and each rank takes one; --device wasm trains on the CPU`,
        );
      return trainRanks(ranks, args);
    }
    const device = await openDevice(name, {
      ...options,
      ...ordinalOption(name, place),
      ...(threads === undefined ? {} : { threads }),
    });
    const stop = new AbortController();
    process.once("SIGINT", () => {
      if (chief) console.error("\nstopping after this step; Ctrl-C again ends at once, without a checkpoint");
      stop.abort();
      process.once("SIGINT", () => process.exit(130));
    });
    process.once("SIGTERM", () => stop.abort());
    const communicator = place && place.size > 1 ? await joinGroup(device, place) : undefined;
    if (chief) for (const line of describeRun(config, device, communicator?.size ?? 1)) console.log(line);
    const result = await pretrain(config, {
      device,
      directory,
      resume: values.resume ?? false,
      signal: stop.signal,
      ...(communicator ? { communicator, expertParallel: values["expert-parallel"] ?? false } : {}),
    }).finally(() => communicator?.close());
    await device.close();
    if (!chief) return result.finished ? 0 : 130;
    const bits =
      result.valBitsPerByte === null ? "" : `, ${result.valBitsPerByte.toFixed(3)} bits per byte on validation`;
    console.log(`${result.finished ? "finished" : "stopped"} at step ${result.step}${bits}`);
    console.log(`checkpoint ${result.checkpoint}\nreport     ${result.report}`);
    if (!result.finished) console.log(`go on with: npx baltoro train --resume --out ${directory}`);
    return result.finished ? 0 : 130;
  },
};
