import { createModel, initializeWeights, type K2Model } from "@baltoro/k2";
import type { Device } from "@baltoro/tensor";
import { openMetrics } from "../metrics/index.ts";
import { muonClip } from "../optimizer/index.ts";
import { createProgress, type Progress } from "../progress/index.ts";
import { loadRunReport, renderReport } from "../report/index.ts";
import {
  latestCheckpoint,
  openRun,
  pruneCheckpoints,
  type RunDirectory,
  verifyCheckpoint,
  writeCheckpoint,
  writeFileAtomic,
  writeRunConfig,
} from "../runfiles/index.ts";
import { wsd } from "../schedules/index.ts";
import type { PretrainConfig } from "./config.ts";
import { divergedAt, weightNorm } from "./divergence.ts";
import { environmentDifferences, trainingEnvironment } from "./environment.ts";
import { prepareText, prepareTokenizer, type RunText } from "./text.ts";
import { createTrainStep, type TrainStep } from "./train-step.ts";
import { loadTraining, saveTraining, type TrainingState } from "./training-checkpoint.ts";

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
}

/** How a run ended. */
export interface PretrainResult {
  readonly step: number;
  readonly finished: boolean;
  readonly checkpoint: string;
  readonly report: string;
  readonly valLoss: number | null;
  readonly valBitsPerByte: number | null;
}

/**
 * Pretrains a K2 model: tokenizer, token cache, model, MuonClip, loop. Writes metrics each step, checkpoints atomically, and a
 * report; the same configuration, device and thread count give the same bits, also across a stop and a resume.
 */
export async function pretrain(config: PretrainConfig, options: PretrainOptions): Promise<PretrainResult> {
  const { device, directory, signal } = options;
  const progress = options.progress ?? createProgress();
  const { run, lock } = openRun(directory);
  try {
    const { checkpoint, incomplete } = latestCheckpoint(run.checkpoints);
    for (const { path, reason } of incomplete) progress.log(`ignored ${path}: ${reason}`);
    if (checkpoint && !options.resume) {
      throw new Error(
        `${run.path} holds a run at step ${checkpoint.step}: resume it (--resume), or choose another directory (--out)`,
      );
    }
    if (!checkpoint && options.resume) throw new Error(`${run.path} holds no checkpoint to resume from`);
    if (checkpoint) verifyCheckpoint(checkpoint.path);
    const environment = trainingEnvironment(device);
    if (!checkpoint) writeRunConfig(run, { ...config, environment: { ...environment, seed: config.seed } });
    const tokenizer = await prepareTokenizer(run.tokenizer, config, progress, signal);
    const text = await prepareText(options.tokenCache ?? run.tokens, tokenizer, config, progress);
    const model = createModel(device, config.model, { trainable: true });
    const optimizer = muonClip({
      muon: { weightDecay: config.weightDecay, variant: config.newtonSchulz, perHead: config.perHead },
      adamW: { weightDecay: config.weightDecay },
      maxGradientNorm: config.maxGradientNorm,
      tau: config.qkClipThreshold,
    });
    const step = createTrainStep(model, optimizer, {
      batchSize: config.batchSize,
      sequenceLength: config.sequenceLength,
      accumulation: config.accumulation,
      checkpointing: config.checkpointing,
      zLoss: config.zLoss,
      balanceRate: config.balanceRate,
      adamWOnly: config.optimizer === "adamw",
    });
    const optimizerTensors = optimizer.tensors(step.optimizerState);
    let state: TrainingState = { step: 0, tokens: 0, seconds: 0, environment };
    if (checkpoint) {
      state = await loadTraining(checkpoint.path, model, optimizerTensors);
      for (const line of environmentDifferences(state.environment, environment)) progress.log(`warning: ${line}`);
      progress.log(`resumed from ${checkpoint.path}`);
    } else initializeWeights(model, { seed: config.seed });
    const save = async (at: TrainingState) => {
      await writeCheckpoint(run.checkpoints, at.step, (path) =>
        saveTraining(path, model, tokenizer, optimizerTensors, at),
      );
      pruneCheckpoints(run.checkpoints, config.keepCheckpoints);
    };
    return await trainLoop({ run, config, model, step, text, state, save, progress, signal });
  } finally {
    lock.release();
  }
}

interface Loop {
  readonly run: RunDirectory;
  readonly config: PretrainConfig;
  readonly model: K2Model;
  readonly step: TrainStep;
  readonly text: RunText;
  readonly state: TrainingState;
  readonly save: (state: TrainingState) => Promise<void>;
  readonly progress: Progress;
  readonly signal?: AbortSignal;
}

async function trainLoop({
  run,
  config,
  model,
  step,
  text: { train, validation },
  state,
  save,
  progress,
  signal,
}: Loop): Promise<PretrainResult> {
  const schedule = wsd({
    peak: config.learningRate,
    steps: config.steps,
    warmup: config.warmup,
    decay: config.decay,
    final: config.learningRate * config.finalFraction,
  });
  const tokensPerStep = config.batchSize * config.sequenceLength * config.accumulation;
  const microBatches = (at: number) =>
    Array.from({ length: config.accumulation }, (_, micro) => train.batchAt(at, micro));
  using metrics = openMetrics(run.metrics, state.step);
  let { step: done, tokens, seconds } = state;
  let saved = done;
  let valLoss: number | null = null;
  let valBitsPerByte: number | null = null;
  const validate = async () => {
    const start = performance.now();
    ({ valLoss, valBitsPerByte } = await validationLoss(step, validation, config.validationBatches));
    return (performance.now() - start) / 1000;
  };
  /** The loss of a step is from before its update: weights are saved only if they, and the loss after it, are numbers. */
  const checkedSave = async (learningRate: number) => {
    const loss = await step.evaluate(train.batchAt(done, 0));
    const norm = await weightNorm(model);
    if (!Number.isFinite(loss) || !Number.isFinite(norm))
      throw divergedAt(
        done,
        `after its update the loss is ${loss}, the norm of the weights ${norm}`,
        saved,
        learningRate,
      );
    await save({ step: done, tokens, seconds, environment: state.environment });
    saved = done;
  };
  if (done === 0) {
    await validate();
    metrics.write({ step: 0, tokens: 0, seconds: 0, valLoss, valBitsPerByte });
  }
  let batches = done < config.steps ? microBatches(done) : [];
  while (done < config.steps && !signal?.aborted) {
    const start = performance.now();
    const learningRate = schedule(done);
    step.run(batches, { learningRate, step: done });
    // The next batch is put together while the device works.
    if (done + 1 < config.steps) batches = microBatches(done + 1);
    const { loss, gradientNorm, maxLogits, loadImbalance } = await step.metrics();
    if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm))
      throw divergedAt(done + 1, `loss ${loss}, gradient norm ${gradientNorm}`, saved, learningRate);
    const elapsed = (performance.now() - start) / 1000;
    done++;
    tokens += tokensPerStep;
    seconds += elapsed;
    const record = {
      step: done,
      tokens,
      loss,
      learningRate,
      gradientNorm,
      maxLogits,
      loadImbalance,
      tokensPerSecond: tokensPerStep / elapsed,
      seconds,
    };
    const last = done === config.steps;
    if (last || done % config.validateEvery === 0) {
      seconds += await validate();
      metrics.write({ ...record, valLoss, valBitsPerByte });
    } else metrics.write(record);
    progress.update({
      step: done,
      steps: config.steps,
      loss,
      tokensPerSecond: record.tokensPerSecond,
      learningRate,
      maxLogit: Math.max(...maxLogits),
      ...(valLoss === null ? {} : { valLoss }),
    });
    if (last || signal?.aborted || done % config.checkpointEvery === 0) {
      metrics.sync();
      await checkedSave(learningRate);
      writeFileAtomic(run.report, renderReport(loadRunReport(run)));
    }
  }
  if (saved !== done) {
    metrics.sync();
    await checkedSave(schedule(done));
  }
  writeFileAtomic(run.report, renderReport(loadRunReport(run)));
  progress.finish();
  const { checkpoint } = latestCheckpoint(run.checkpoints);
  return {
    step: done,
    finished: done >= config.steps,
    checkpoint: checkpoint?.path ?? run.checkpoints,
    report: run.report,
    valLoss,
    valBitsPerByte,
  };
}

/** Loss per token and bits per byte over the first batches of the validation text. */
async function validationLoss(step: TrainStep, { dataset, split }: RunText["validation"], batches: number) {
  let nats = 0;
  let predicted = 0;
  for (let i = 0; i < Math.min(batches, dataset.stepsPerEpoch); i++) {
    const batch = dataset.batchAt(i);
    if (batch.predicted === 0) continue;
    nats += (await step.evaluate(batch)) * batch.predicted;
    predicted += batch.predicted;
  }
  const valLoss = nats / Math.max(predicted, 1);
  const bytesPerToken = split.bytes / (split.end - split.start);
  return { valLoss, valBitsPerByte: valLoss / Math.LN2 / bytesPerToken };
}
