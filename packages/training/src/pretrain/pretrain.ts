import { existsSync } from "node:fs";
import { crc32 } from "node:zlib";
import { createModel, initializeWeights } from "@baltoro/k2";
import type { Device } from "@baltoro/tensor";
import { type AcrossRanks, acrossRanks, type Communicator, expertParallel } from "../distributed/index.ts";
import { readMetrics } from "../metrics/index.ts";
import { muonClip } from "../optimizer/index.ts";
import { createProgress, type Progress } from "../progress/index.ts";
import { loadRunReport, renderReport } from "../report/index.ts";
import {
  clearEnding,
  latestCheckpoint,
  openRun,
  pruneCheckpoints,
  type RunDirectory,
  runDirectory,
  verifyCheckpoint,
  writeCheckpoint,
  writeEnding,
  writeFileAtomic,
  writeRunConfig,
} from "../runfiles/index.ts";
import type { PretrainConfig } from "./config.ts";
import { DivergedError } from "./divergence.ts";
import { environmentDifferences, type TrainingEnvironment, trainingEnvironment } from "./environment.ts";
import { isMachineFailure, TrainingFailedError, trainingFailed, type Whereabouts } from "./failure.ts";
import { prepareText, prepareTokenizer } from "./text.ts";
import { type PretrainResult, trainLoop } from "./train-loop.ts";
import { createTrainStep } from "./train-step.ts";
import { bringTraining, loadTraining, saveTraining, type TrainingState } from "./training-checkpoint.ts";

/** Options of {@link pretrain} that do not change the result. */
export interface PretrainOptions {
  readonly device: Device;
  /** Directory of the run. */
  readonly directory: string;
  /** Go on from the last checkpoint; without it a run that has one is refused. */
  readonly resume?: boolean;
  /** Stops after the step that is under way, with a checkpoint. */
  readonly signal?: AbortSignal;
  readonly progress?: Progress;
  /** Where tokenized text is kept, by default in the run's directory: runs on the same text can share it. */
  readonly tokenCache?: string;
  /**
   * Train with other ranks, which call this with the same configuration and directory: each takes its part of every batch and of the
   * optimizer. Rank 0 writes what the run leaves behind. A failure on one ends all.
   */
  readonly communicator?: Communicator;
  /** Divide the routed experts among the ranks, and take the tokens to them. */
  readonly expertParallel?: boolean;
}

/**
 * Pretrains a K2 model: tokenizer, token cache, model, MuonClip, loop. Writes metrics each step, checkpoints atomically, and a
 * report; the same configuration, device and thread count give the same bits, also across a stop and a resume.
 */
export async function pretrain(config: PretrainConfig, options: PretrainOptions): Promise<PretrainResult> {
  try {
    return await pretrainRank(config, options);
  } catch (error) {
    // The other ranks would wait for this one until their limit.
    options.communicator?.abort((error as Error).message);
    throw error;
  }
}

async function pretrainRank(config: PretrainConfig, options: PretrainOptions): Promise<PretrainResult> {
  const { device, directory, signal, communicator } = options;
  const { rank, size } = communicator ?? { rank: 0, size: 1 };
  const chief = rank === 0;
  const progress = chief ? (options.progress ?? createProgress()) : silentProgress;
  if (config.batchSize % size !== 0)
    throw new Error(`a batch of ${config.batchSize} sequences does not divide among ${size} ranks; take a multiple`);
  if (options.expertParallel && config.model.nRoutedExperts % size !== 0)
    throw new Error(
      `${config.model.nRoutedExperts} experts do not divide among ${size} ranks; leave expertParallel off`,
    );
  const environment = trainingEnvironment(device, size);
  const whereabouts: Whereabouts = { doing: "while the run was prepared", saved: 0 };
  const { run, lock } = chief ? openRun(directory) : { run: runDirectory(directory), lock: null };
  try {
    const { checkpoint, tokenizer, text } = await rankZeroFirst(communicator, () =>
      prepareFiles(run, config, options, { chief, progress, environment }),
    );
    whereabouts.saved = checkpoint?.step ?? 0;
    whereabouts.doing = `before step ${whereabouts.saved + 1}`;
    const across = acrossRanks(device, communicator);
    await assertSameRun(across, `${JSON.stringify(config)} from step ${checkpoint?.step ?? 0}`);
    const model = createModel(device, config.model, {
      trainable: true,
      ...(communicator && options.expertParallel ? { experts: expertParallel(communicator, config.model) } : {}),
    });
    const optimizer = muonClip({
      muon: { weightDecay: config.weightDecay, variant: config.newtonSchulz, perHead: config.perHead },
      adamW: { weightDecay: config.weightDecay },
      maxGradientNorm: config.maxGradientNorm,
      tau: config.qkClipThreshold,
    });
    const step = createTrainStep(model, optimizer, {
      batchSize: config.batchSize / size,
      sequenceLength: config.sequenceLength,
      accumulation: config.accumulation,
      recompute: config.recompute,
      store: config.store,
      zLoss: config.zLoss,
      balanceRate: config.balanceRate,
      adamWOnly: config.optimizer === "adamw",
      ...(communicator ? { communicator } : {}),
    });
    let state: TrainingState = { step: 0, tokens: 0, seconds: 0, environment };
    if (checkpoint) {
      state = await loadTraining(checkpoint.path, model, step.saved);
      for (const line of environmentDifferences(state.environment, environment)) progress.log(`warning: ${line}`);
      progress.log(`resumed from ${checkpoint.path}`);
      state = { ...state, environment };
    } else initializeWeights(model, { seed: config.seed });
    const save = async (at: TrainingState) => {
      if (chief) {
        await writeCheckpoint(run.checkpoints, at.step, (path) => saveTraining(path, model, tokenizer, step.saved, at));
        pruneCheckpoints(run.checkpoints, config.keepCheckpoints);
      } else await bringTraining(model, step.saved);
      await communicator?.barrier(slowLimitSeconds);
    };
    const loop = {
      run,
      config,
      model,
      step,
      text,
      state,
      save,
      progress,
      signal,
      across,
      ranks: size,
      whereabouts,
      chief,
    };
    return await trainLoop(loop).catch((error) => {
      throw error instanceof DivergedError ? error : trainingFailed(error, whereabouts, { ...config, directory });
    });
  } catch (error) {
    const failure = isMachineFailure(error)
      ? trainingFailed(error, whereabouts, { ...config, directory })
      : (error as Error);
    if (chief && (failure instanceof TrainingFailedError || failure instanceof DivergedError)) {
      progress.finish();
      recordFailure(run, failure);
    }
    throw failure;
  } finally {
    lock?.release();
  }
}

/** Leaves ending and report as they are now. A disk that is full must not hide what happened: this is done where it can be. */
function recordFailure(run: RunDirectory, { message }: Error): void {
  try {
    const step = existsSync(run.metrics) ? (readMetrics(run.metrics).at(-1)?.step ?? 0) : 0;
    writeEnding(run, { outcome: "failed", step, message });
    writeFileAtomic(run.report, renderReport(loadRunReport(run)));
  } catch {}
}

/** How long ranks wait while the first one tokenizes or writes a checkpoint. */
const slowLimitSeconds = 6 * 3600;

/** Runs `act` on rank 0, then on the others, which find what it has written. */
async function rankZeroFirst<T>(communicator: Communicator | undefined, act: () => Promise<T>): Promise<T> {
  if (!communicator) return act();
  if (communicator.rank > 0) await communicator.barrier(slowLimitSeconds);
  const result = await act();
  if (communicator.rank === 0) await communicator.barrier(slowLimitSeconds);
  return result;
}

/** The checkpoint to go on from, the tokenizer and the text. Only the chief writes. */
async function prepareFiles(
  run: RunDirectory,
  config: PretrainConfig,
  { resume, signal, tokenCache, communicator }: PretrainOptions,
  { chief, progress, environment }: { chief: boolean; progress: Progress; environment: TrainingEnvironment },
) {
  const { checkpoint, incomplete } = latestCheckpoint(run.checkpoints);
  for (const { path, reason } of incomplete) progress.log(`ignored ${path}: ${reason}`);
  if (checkpoint && !resume) {
    throw new Error(
      `${run.path} holds a run at step ${checkpoint.step}: resume it (--resume), or choose another directory (--out)`,
    );
  }
  if (!checkpoint && resume) throw new Error(`${run.path} holds no checkpoint to resume from`);
  if (checkpoint && chief) verifyCheckpoint(checkpoint.path);
  if (chief) clearEnding(run);
  if (!checkpoint && chief) writeRunConfig(run, { ...config, environment: { ...environment, seed: config.seed } });
  const tokenizer = await prepareTokenizer(run.tokenizer, config, progress, signal);
  const text = await prepareText(tokenCache ?? run.tokens, tokenizer, config, progress, communicator);
  return { checkpoint, tokenizer, text };
}

/** @throws Error where the ranks were started with different options, or do not see the same files. */
async function assertSameRun(across: AcrossRanks, what: string): Promise<void> {
  // f32 holds 24 bits.
  const fingerprint = crc32(what) & 0xffffff;
  const [most, least] = await across([fingerprint, -fingerprint], "max");
  if (most !== -least)
    throw new Error("the ranks do not train the same run: options, data or checkpoints differ between them");
}

const silentProgress: Progress = { update() {}, log() {}, finish() {} };
