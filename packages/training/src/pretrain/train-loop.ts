import { type K2Model, trainingFlops } from "@baltoro/k2";
import type { AcrossRanks } from "../distributed/index.ts";
import { openMetrics } from "../metrics/index.ts";
import type { Progress } from "../progress/index.ts";
import { loadRunReport, renderReport } from "../report/index.ts";
import { latestCheckpoint, type RunDirectory, writeEnding, writeFileAtomic } from "../runfiles/index.ts";
import { wsd } from "../schedules/index.ts";
import type { PretrainConfig } from "./config.ts";
import { divergedAt, weightNorm } from "./divergence.ts";
import type { Whereabouts } from "./failure.ts";
import type { RunText } from "./text.ts";
import type { StepMetrics, TrainStep } from "./train-step.ts";
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
  /** How many ranks train, each on a device of its own. */
  readonly ranks: number;
  /** Kept up to date: what a failure happened in. */
  readonly whereabouts: Whereabouts;
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
  ranks,
  whereabouts,
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
  const tau = config.qkClipThreshold;
  const { peakFlops } = model.device.backend.description;
  const flopsPerToken = trainingFlops(config.model, config.sequenceLength);
  using metrics = chief ? openMetrics(run.metrics, state.step) : null;
  const writeReport = () => {
    if (chief) writeFileAtomic(run.report, renderReport(loadRunReport(run)));
  };
  /** A rank that was asked to stop stops all of them after the same step. */
  const stopped = async () => (await across([signal?.aborted ? 1 : 0], "max"))[0] > 0;
  let { step: done, tokens, seconds } = state;
  whereabouts.saved = done;
  let valLoss: number | null = null;
  let valBitsPerByte: number | null = null;
  const validate = async () => {
    whereabouts.doing = done === 0 ? "in the validation before step 1" : `in the validation after step ${done}`;
    const start = performance.now();
    ({ valLoss, valBitsPerByte } = await validationLoss(step, validation, config.validationBatches, across));
    return (performance.now() - start) / 1000;
  };
  /** The loss of a step is from before its update: weights are saved only if they, and the loss after it, are numbers. */
  const checkedSave = async (learningRate: number) => {
    whereabouts.doing = `while the checkpoint of step ${done} was written`;
    metrics?.sync();
    const [loss] = await across([await step.evaluate(train.batchAt(done, 0))], "sum");
    const [norm] = await across([await weightNorm(model)], "sum");
    if (!Number.isFinite(loss) || !Number.isFinite(norm))
      throw divergedAt(
        done,
        `after its update the loss is ${loss}, the norm of the weights ${norm}`,
        whereabouts.saved,
        learningRate,
      );
    await save({ step: done, tokens, seconds, environment: state.environment });
    whereabouts.saved = done;
  };
  if (done === 0) {
    await validate();
    metrics?.write({ step: 0, tokens: 0, seconds: 0, valLoss, valBitsPerByte });
  }
  /** Steps that are run before the metrics of the last are read, so that a GPU has work while the host reads. */
  const lead = model.device.backend.description.kind === "cuda" ? 1 : 0;
  /** Whether something looks at the weights after a step: it must be the last one that was run. */
  const pausesAfter = (at: number) =>
    at === config.steps || at % config.validateEvery === 0 || at % config.checkpointEvery === 0;
  const underWay: { readonly metrics: Promise<StepMetrics>; readonly learningRate: number }[] = [];
  let next = done;
  let batches = done < config.steps ? microBatches(done) : [];
  const runNext = () => {
    whereabouts.doing = `in step ${next + 1}`;
    const learningRate = schedule(next);
    step.run(batches, { learningRate, step: next });
    const metrics = step.metrics();
    // Awaited below, in order: a failure is met there.
    metrics.catch(() => {});
    underWay.push({ metrics, learningRate });
    next++;
    // The next batch is put together while the device works.
    if (next < config.steps) batches = microBatches(next);
  };
  let stop = await stopped();
  let start = performance.now();
  while (underWay.length > 0 || (done < config.steps && !stop)) {
    if (underWay.length === 0) start = performance.now();
    while (next < config.steps && !stop && underWay.length <= lead && (next === done || !pausesAfter(next))) runNext();
    // A device that fails cannot always tell which of the steps under way it was.
    whereabouts.doing = next > done + 1 ? `in step ${done + 1} or ${next}` : `in step ${done + 1}`;
    const { metrics: pending, learningRate } = underWay.shift() as (typeof underWay)[number];
    const { loss, gradientNorm, maxLogits, headLogits, loadImbalance } = await pending;
    if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm))
      throw divergedAt(done + 1, `loss ${loss}, gradient norm ${gradientNorm}`, whereabouts.saved, learningRate);
    const now = performance.now();
    const elapsed = (now - start) / 1000;
    start = now;
    done++;
    tokens += tokensPerStep;
    seconds += elapsed;
    const tokensPerSecond = tokensPerStep / elapsed;
    const record = {
      step: done,
      tokens,
      loss,
      learningRate,
      gradientNorm,
      maxLogits,
      ...(tau > 0 ? { clippedHeads: shareAbove(headLogits.flat(), tau) } : {}),
      ...(config.recordHeads ? { headLogits: headLogits.map((row) => row.map((x) => Number(x.toPrecision(4)))) } : {}),
      loadImbalance,
      tokensPerSecond,
      seconds,
    };
    if (done === config.steps || done % config.validateEvery === 0) {
      seconds += await validate();
      metrics?.write({ ...record, valLoss, valBitsPerByte });
    } else metrics?.write(record);
    progress.update({
      step: done,
      steps: config.steps,
      loss,
      tokensPerSecond,
      learningRate,
      maxLogit: Math.max(...maxLogits),
      ...(valLoss === null ? {} : { valLoss }),
      ...(peakFlops === undefined ? {} : { utilization: (tokensPerSecond * flopsPerToken) / (ranks * peakFlops) }),
    });
    stop ||= await stopped();
    // What is under way is the last step then.
    if (underWay.length === 0 && (stop || pausesAfter(done))) {
      if (stop || done === config.steps || done % config.checkpointEvery === 0) {
        await checkedSave(learningRate);
        writeReport();
      }
      start = performance.now();
    }
  }
  if (whereabouts.saved !== done) await checkedSave(schedule(done));
  if (chief) writeEnding(run, { outcome: done >= config.steps ? "finished" : "stopped", step: done });
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

function shareAbove(values: readonly number[], limit: number): number {
  return values.filter((value) => value > limit).length / Math.max(values.length, 1);
}
