import type { K2Model } from "@baltoro/k2";
import type { AcrossRanks } from "../distributed/index.ts";
import { openMetrics } from "../metrics/index.ts";
import type { Progress } from "../progress/index.ts";
import { loadRunReport, renderReport } from "../report/index.ts";
import { latestCheckpoint, type RunDirectory, writeFileAtomic } from "../runfiles/index.ts";
import { wsd } from "../schedules/index.ts";
import type { PretrainConfig } from "./config.ts";
import { divergedAt, weightNorm } from "./divergence.ts";
import type { RunText } from "./text.ts";
import type { TrainStep } from "./train-step.ts";
import type { TrainingState } from "./training-checkpoint.ts";

/** How a run ended. */
export interface PretrainResult {
  readonly step: number;
  readonly finished: boolean;
  readonly checkpoint: string;
  readonly report: string;
  readonly valLoss: number | null;
  readonly valBitsPerByte: number | null;
}

/** What the loop works with. */
export interface Loop {
  readonly run: RunDirectory;
  readonly config: PretrainConfig;
  readonly model: K2Model;
  readonly step: TrainStep;
  readonly text: RunText;
  readonly state: TrainingState;
  readonly save: (state: TrainingState) => Promise<void>;
  readonly progress: Progress;
  readonly signal?: AbortSignal;
  readonly across: AcrossRanks;
  /** This rank writes what the run leaves behind. */
  readonly chief: boolean;
}

/** Steps, validations, checkpoints and records until the run is finished, stopped or diverged. */
export async function trainLoop({
  run,
  config,
  model,
  step,
  text: { train, validation },
  state,
  save,
  progress,
  signal,
  across,
  chief,
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
  using metrics = chief ? openMetrics(run.metrics, state.step) : null;
  const writeReport = () => {
    if (chief) writeFileAtomic(run.report, renderReport(loadRunReport(run)));
  };
  /** A rank that was asked to stop stops all of them after the same step. */
  const stopped = async () => (await across([signal?.aborted ? 1 : 0], "max"))[0] > 0;
  let { step: done, tokens, seconds } = state;
  let saved = done;
  let valLoss: number | null = null;
  let valBitsPerByte: number | null = null;
  const validate = async () => {
    const start = performance.now();
    ({ valLoss, valBitsPerByte } = await validationLoss(step, validation, config.validationBatches, across));
    return (performance.now() - start) / 1000;
  };
  /** The loss of a step is from before its update: weights are saved only if they, and the loss after it, are numbers. */
  const checkedSave = async (learningRate: number) => {
    const [loss] = await across([await step.evaluate(train.batchAt(done, 0))], "sum");
    const [norm] = await across([await weightNorm(model)], "sum");
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
    metrics?.write({ step: 0, tokens: 0, seconds: 0, valLoss, valBitsPerByte });
  }
  let batches = done < config.steps ? microBatches(done) : [];
  let stop = await stopped();
  while (done < config.steps && !stop) {
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
      metrics?.write({ ...record, valLoss, valBitsPerByte });
    } else metrics?.write(record);
    progress.update({
      step: done,
      steps: config.steps,
      loss,
      tokensPerSecond: record.tokensPerSecond,
      learningRate,
      maxLogit: Math.max(...maxLogits),
      ...(valLoss === null ? {} : { valLoss }),
    });
    stop = await stopped();
    if (last || stop || done % config.checkpointEvery === 0) {
      metrics?.sync();
      await checkedSave(learningRate);
      writeReport();
    }
  }
  if (saved !== done) {
    metrics?.sync();
    await checkedSave(schedule(done));
  }
  writeReport();
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
async function validationLoss(
  step: TrainStep,
  { dataset, split }: RunText["validation"],
  batches: number,
  across: AcrossRanks,
) {
  let nats = 0;
  let predicted = 0;
  for (let i = 0; i < Math.min(batches, dataset.stepsPerEpoch); i++) {
    const batch = dataset.batchAt(i);
    nats += (await step.evaluate(batch)) * batch.predicted;
    predicted += batch.predicted;
  }
  const [allNats, allPredicted] = await across([nats, predicted], "sum");
  const valLoss = allNats / Math.max(allPredicted, 1);
  const bytesPerToken = split.bytes / (split.end - split.start);
  return { valLoss, valBitsPerByte: valLoss / Math.LN2 / bytesPerToken };
}
