import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { openDevice } from "@baltoro/tensor";
import type { Example } from "../examples/index.ts";
import {
  createFusionModel,
  defaultConfig,
  type EncodedNote,
  type FusionModel,
  type FusionParts,
  logitsOf,
} from "../model/index.ts";
import { type Calibration, calibrate, uncalibrated } from "./calibration.ts";
import { type EpochRecord, readCheckpoint, writeCheckpoint } from "./checkpoint.ts";
import { createClock, ramp } from "./clock.ts";
import { hideTokens } from "./hide.ts";
import { meanAveragePrecision } from "./metric.ts";
import { type TrainingOptions, trainingOptions } from "./options.ts";
import { learnParts } from "./parts.ts";
import { planEpoch } from "./plan.ts";
import { predictor } from "./predictor.ts";
import { generator } from "./random.ts";
import type { TrainedModel, TrainRequest } from "./request.ts";
import { averageInto, createOptimizer, labelLoss, maskedLoss } from "./steps.ts";
import { vary } from "./vary.ts";

/**
 * Trains a fusion model, or a variant of it by `config`: hidden tokens first, then labels; keeps the epoch that ranks the validation
 * notes best, and calibrates it there. The same request with the same seed and number of threads gives the same weights.
 *
 * @throws if there are no examples, or none with a label of some disease; the signal's reason when it is aborted
 */
export async function trainDiagnosisModel(request: TrainRequest): Promise<TrainedModel> {
  const { examples, validation, unlabelled = [], seed = 1, signal } = request;
  if (examples.length === 0) throw new Error("training: there are no examples");
  if (validation.length === 0) throw new Error("training: there are no validation examples to choose the epoch by");
  const classes = request.config?.classes ?? defaultConfig.classes;
  const odd = [...examples, ...validation].find(({ labels }) => labels.length !== classes);
  if (odd)
    throw new Error(`training: the example ${odd.id} has ${odd.labels.length} labels, the model ${classes} classes`);
  const started = performance.now();
  request.progress?.({ phase: "vocabulary", step: 0, steps: 0, allSteps: 0, elapsed: 0 });
  const parts = learnParts(request);
  const device = await openDevice("wasm", request.threads === undefined ? {} : { threads: request.threads });
  try {
    const model = createFusionModel(device, parts, seed);
    const averaged = createFusionModel(device, parts, seed);
    const { prior } = request;
    const beside = (priors: readonly (readonly number[])[] | undefined, n: number) => priors && { prior: priors[n] };
    const notes = examples.map(({ input }, n) => ({ ...model.encode(input), ...beside(prior?.examples, n) }));
    const training = trainingOptions(
      request.training ?? {},
      notes.reduce((total, { tokens }) => total + tokens.ids.length, 0),
    );
    const extra = unlabelled.map((input) => model.encode(input));
    const judged = validation.map(({ input }, n) => ({ ...averaged.encode(input), ...beside(prior?.validation, n) }));
    const all = [...notes, ...extra];
    const withText = parts.config.modalities !== "structured";
    const pretrainingPlan = Array.from({ length: withText ? training.pretrainingEpochs : 0 }, (_, epoch) =>
      planEpoch(all, training.stepTokens, seed, 1000 + epoch),
    );
    const trainingPlan = Array.from({ length: training.epochs }, (_, epoch) =>
      planEpoch(notes, training.stepTokens, seed, epoch),
    );
    const masked = createOptimizer(model, training);
    const labelled = createOptimizer(model, training);
    const tensors = { model, averaged, masked, labelled };
    const fingerprint = request.checkpoint ? fingerprintOf(request, parts, training) : "";
    const resumed = request.checkpoint?.resume
      ? await readCheckpoint(request.checkpoint.directory, tensors, fingerprint)
      : undefined;
    const counted = (plan: readonly (readonly unknown[])[], epochs = plan.length) =>
      plan.slice(0, epochs).flat().length;
    const clock = createClock(request, started, counted(pretrainingPlan), counted(trainingPlan), {
      pretraining: counted(pretrainingPlan, resumed?.state.pretrained ?? 0),
      training: counted(trainingPlan, resumed?.state.trained ?? 0),
      tokens: resumed?.state.tokens ?? 0,
      seconds: resumed?.state.seconds ?? 0,
    });
    const history: EpochRecord[] = [...(resumed?.state.history ?? [])];
    let best = resumed?.best;
    let { pretrained, taken } = resumed?.state ?? { pretrained: 0, taken: 0 };
    const keep = async () => {
      if (!request.checkpoint) return;
      const { tokens, seconds } = clock.figures();
      const state = { fingerprint, pretrained, trained: history.length, taken, history, tokens, seconds };
      await writeCheckpoint(request.checkpoint.directory, tensors, best, state);
    };

    // ---- Hidden tokens ----
    for (const [epoch, steps] of pretrainingPlan.entries()) {
      if (epoch < pretrained) continue;
      for (const [i, step] of steps.entries()) {
        // The device may answer without the host's event loop having had a turn: signals and output need one.
        await setImmediate();
        signal?.throwIfAborted();
        if (clock.spent("pretraining")) break;
        const random = generator(seed, 2, epoch, i);
        const chosen = step.map((index) => all[index]);
        const hidden = chosen.map(({ tokens }) =>
          hideTokens(tokens, training.maskedShare, parts.config.tokens, random),
        );
        const rate = training.pretrainingRate * ramp(clock.fraction("pretraining"));
        clock.tick("pretraining", chosen, await masked.run(() => maskedLoss(model, chosen, hidden), rate));
      }
      pretrained = epoch + 1;
      await keep();
    }
    if (taken === 0) copyWeights(model, averaged);

    // ---- Labels ----
    const weights = positiveWeights(examples, training.imbalance);
    for (const [epoch, steps] of trainingPlan.entries()) {
      if (epoch < (resumed?.state.trained ?? 0)) continue;
      let loss = 0;
      let count = 0;
      for (const [i, step] of steps.entries()) {
        // The device may answer without the host's event loop having had a turn: signals and output need one.
        await setImmediate();
        signal?.throwIfAborted();
        if (clock.spent("training")) break;
        const random = generator(seed, 3, epoch, i);
        const chosen = step.map((index) => vary(notes[index], training, random));
        const labels = step.map((index) => examples[index].labels);
        const dropout = { p: training.dropout, words: Int32Array.from([seed, 0, epoch, i]) };
        const value = await labelled.run(
          () => labelLoss(model, chosen, labels, weights, dropout),
          training.learningRate * ramp(clock.fraction("training")),
        );
        // The mean starts as the weights themselves: it forgets its beginning fast at first.
        averageInto(device, averaged.parameters, model.parameters, Math.min(training.averaging, taken / (taken + 4)));
        taken++;
        loss += value;
        count++;
        clock.tick("training", chosen, value);
      }
      if (count === 0) break;
      const score = meanAveragePrecision(await logitsOf(averaged, judged), validation);
      const better = history.every((earlier) => !(earlier.validation >= score));
      history.push({ epoch, loss: loss / count, validation: score });
      if (better || !best) best = await readWeights(averaged);
      clock.report(score);
      await keep();
    }
    if (best) writeWeights(averaged, best);
    model.release();
    const calibration = await calibrateOn(averaged, judged, examples, validation);
    const parameters = averaged.parameters
      .filter(({ pretraining }) => !pretraining)
      .reduce((total, { tensor }) => total + tensor.size, 0);
    return {
      ...predictor(averaged, calibration, "fusion"),
      ...{ training, seed, history },
      figures: { ...clock.figures(), parameters },
    };
  } catch (error) {
    await device.close();
    throw error;
  }
}

/** (negatives / positives)^power per disease, so that a rare one is not passed over. */
function positiveWeights(examples: readonly Example[], power: number): number[] {
  return Array.from({ length: examples[0].labels.length }, (_, c) => {
    const positives = examples.filter(({ labels }) => labels[c] === 1).length;
    const negatives = examples.filter(({ labels }) => labels[c] === 0).length;
    return positives === 0 || negatives === 0 ? 1 : Math.min((negatives / positives) ** power, 10);
  });
}

/** Tells data, options and seed apart from others. */
function fingerprintOf(
  { examples, validation, unlabelled, seed }: TrainRequest,
  parts: FusionParts,
  training: TrainingOptions,
): string {
  const hash = createHash("sha256");
  hash.update(JSON.stringify([parts, training, seed ?? 1, unlabelled?.length ?? 0]));
  for (const { id, input, labels } of [...examples, ...validation])
    hash.update(JSON.stringify([id, input.text, labels]));
  return hash.digest("hex");
}

async function calibrateOn(
  model: FusionModel,
  notes: readonly EncodedNote[],
  examples: readonly Example[],
  validation: readonly Example[],
): Promise<(Calibration | null)[]> {
  const logits = await logitsOf(model, notes);
  return Array.from({ length: model.config.classes }, (_, c) => {
    // A disease that no training note has, or that none says the absence of, was not learned.
    const seen = new Set(examples.map(({ labels }) => labels[c]));
    if (!seen.has(1) || !seen.has(0)) return null;
    return (
      calibrate(
        logits.map((row) => row[c]),
        validation.map(({ labels }) => labels[c]),
      ) ?? uncalibrated
    );
  });
}

async function readWeights({ parameters }: FusionModel): Promise<Float32Array[]> {
  return Promise.all(parameters.map(async ({ tensor }) => Float32Array.from(await tensor.read())));
}

function writeWeights({ parameters }: FusionModel, values: readonly Float32Array[]): void {
  for (const [i, { tensor }] of parameters.entries()) tensor.write(values[i]);
}

function copyWeights(from: FusionModel, to: FusionModel): void {
  averageInto(from.device, to.parameters, from.parameters, 0);
}
