import {
  backward,
  binaryCrossEntropy,
  type Device,
  embedding,
  gelu,
  linear,
  linearCrossEntropy,
  multiply,
  persistent,
  scope,
  sum,
  type Tensor,
  tensor,
  zeroGrad,
} from "@baltoro/tensor";
import { type MuonClip, type MuonClipState, muonClip } from "@baltoro/training";
import {
  createBatch,
  type EncodedNote,
  encodeHidden,
  type FusionModel,
  forward,
  type NamedParameter,
} from "../model/index.ts";
import type { HiddenTokens } from "./hide.ts";
import type { TrainingOptions } from "./options.ts";

/**
 * One phase's optimizer. It trains whatever parameters a loss reaches: its state is made after the first backward pass has shown which.
 */
export function createOptimizer(model: FusionModel, options: TrainingOptions) {
  const optimizer: MuonClip = muonClip({
    muon: { weightDecay: options.weightDecay },
    adamW: { weightDecay: options.weightDecay, beta2: 0.98 },
    tau: 0,
  });
  const { device, parameters } = model;
  const all = parameters.map(({ tensor }) => tensor);
  let reached: readonly NamedParameter[] = [];
  let state: MuonClipState | undefined;
  let step = 0;
  const begin = (chosen: readonly NamedParameter[]) => {
    reached = chosen;
    state = optimizer.init(device, chosen, []);
    return state;
  };
  return {
    /** One step on a loss: `loss` enqueues its forward pass. Resolves to its value. */
    async run(loss: () => Tensor, learningRate: number): Promise<number> {
      zeroGrad(all);
      const value = persistent(device, [1], "f32", "loss");
      scope(device, () => {
        const scalar = loss();
        device.backend.enqueue("axpby", { x: scalar.buffer, y: value.buffer, n: 1, alpha: 1, beta: 0 });
        backward(scalar);
      });
      const current = state ?? begin(parameters.filter(({ tensor }) => tensor.grad && tensor.gradDefined));
      optimizer.write(current, { learningRate, step: step++ });
      scope(device, () => optimizer.update(current));
      const result = await value.item();
      value.release();
      return result;
    },
    /** What a resumed run needs besides the tensors. */
    progress: () => ({ step, reached: reached.map(({ name }) => name) }),
    tensors: (): ReadonlyMap<string, Tensor> => (state ? optimizer.tensors(state) : new Map()),
    /** Makes the state anew, its tensors to be written. */
    restore(progress: { readonly step: number; readonly reached: readonly string[] }): void {
      step = progress.step;
      const names = new Set(progress.reached);
      if (names.size > 0) begin(parameters.filter(({ name }) => names.has(name)));
    },
  };
}

export type PhaseOptimizer = ReturnType<typeof createOptimizer>;

/** Cross-entropy of the hidden tokens of some notes. */
export function maskedLoss(model: FusionModel, notes: readonly EncodedNote[], hidden: readonly HiddenTokens[]) {
  const { device, config, scales, weights, tables } = model;
  const { text } = weights;
  if (!text) throw new Error("pre-training: the model has no text encoder");
  const batch = createBatch(
    device,
    config,
    scales,
    notes.map((note, n) => ({ ...note, tokens: hidden[n].tokens })),
  );
  const rows: number[] = [];
  const targets: number[] = [];
  let at = 0;
  for (const { targets: ofNote } of hidden) {
    for (let i = 0; i < ofNote.length; i++, at++) {
      if (ofNote[i] < 0) continue;
      rows.push(at);
      targets.push(ofNote[i]);
    }
  }
  const ints = (values: number[]) => tensor(device, Int32Array.from(values), [values.length], "i32");
  const asked = embedding(encodeHidden(weights, config, batch, { tables }), ints(rows));
  return linearCrossEntropy(gelu(linear(asked, text.transform)), text.tokens, ints(targets));
}

/** Weighted binary cross-entropy; a label that is not known weighs nothing. */
export function labelLoss(
  model: FusionModel,
  notes: readonly EncodedNote[],
  labels: readonly (readonly (0 | 1 | undefined)[])[],
  positiveWeights: readonly number[],
  dropout: { p: number; words: Int32Array },
) {
  const { device, config, scales, weights, tables } = model;
  const batch = createBatch(device, config, scales, notes);
  const classes = positiveWeights.length;
  const targets = new Float32Array(notes.length * classes);
  const shares = new Float32Array(targets.length);
  let total = 0;
  for (const [n, ofNote] of labels.entries()) {
    for (const [c, label] of ofNote.entries()) {
      if (label === undefined) continue;
      targets[n * classes + c] = label;
      shares[n * classes + c] = label === 1 ? positiveWeights[c] : 1;
      total += shares[n * classes + c];
    }
  }
  for (let i = 0; i < shares.length; i++) shares[i] /= Math.max(total, 1);
  const shape = [notes.length, classes];
  const { logits } = forward(weights, config, batch, {
    tables,
    ...(dropout.p > 0 && { dropout: { p: dropout.p, state: tensor(device, dropout.words, [4], "i32") } }),
  });
  return sum(multiply(binaryCrossEntropy(logits, tensor(device, targets, shape)), tensor(device, shares, shape)));
}

/** A running mean of weights in a second model of the same parts. */
export function averageInto(
  device: Device,
  mean: readonly NamedParameter[],
  now: readonly NamedParameter[],
  keep: number,
): void {
  for (const [i, { tensor: target }] of mean.entries()) {
    device.backend.enqueue("axpby", {
      x: now[i].tensor.buffer,
      y: target.buffer,
      n: target.size,
      alpha: 1 - keep,
      beta: keep,
    });
  }
}
