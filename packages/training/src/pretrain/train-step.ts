import { type ActivationOptions, forwardLoss, type K2Model } from "@baltoro/k2";
import {
  backward,
  binaryOps,
  empty,
  fill,
  type Graph,
  noGrad,
  persistent,
  scope,
  type Tensor,
  zeroGrad,
} from "@baltoro/tensor";
import { type Communicator, type SavedTensor, savedTensors, shardOptimizer } from "../distributed/index.ts";
import type { MuonClip, MuonClipState, StepScalars } from "../optimizer/index.ts";
import { clippedAttention, optimizedParameters } from "./k2-groups.ts";

/** Sequences of one micro-batch, as the packed dataset gives them: B · S numbers each. */
export interface MicroBatch {
  readonly tokens: Int32Array;
  /** Next token, −1 where none is to be predicted. */
  readonly targets: Int32Array;
  /** Position within the document. */
  readonly positions: Int32Array;
  /** Document ids, non-decreasing within a sequence. */
  readonly documents: Int32Array;
}

/** What a step reports. */
export interface StepMetrics {
  /** Mean loss in nats per predicted token of the whole batch: of all micro-batches and ranks. */
  readonly loss: number;
  /** Global norm before clipping. */
  readonly gradientNorm: number;
  /** Largest attention logit per layer (over heads), before QK-Clip. */
  readonly maxLogits: readonly number[];
  /** The same of each layer and head: those above τ are clipped. */
  readonly headLogits: readonly (readonly number[])[];
  /** Largest expert load over the mean load, for each layer with experts. */
  readonly loadImbalance: readonly number[];
}

/** Options of {@link createTrainStep}. */
export interface TrainStepOptions extends ActivationOptions {
  /** Sequences per micro-batch, of this rank. */
  readonly batchSize: number;
  readonly sequenceLength: number;
  /** Micro-batches whose gradients are added up before a step. Default 1. */
  readonly accumulation?: number;
  readonly zLoss?: number;
  /** Step of the router's selection bias per optimizer step (DeepSeek-V3 §2.1.2). Default 1e-3. */
  readonly balanceRate?: number;
  /** Give every parameter to AdamW: the baseline of comparisons. */
  readonly adamWOnly?: boolean;
  /**
   * Trains with other ranks, each on its part of the batch. Weights are the same on all of them, the optimizer's state is divided, and
   * what the metrics report is of all ranks. Every rank must run the same steps.
   */
  readonly communicator?: Communicator;
  /**
   * Record the kernels of a step once and replay them with one call, from the third step on: on a GPU, small kernels run faster than a
   * host enqueues them. Default: on CUDA. Not where collectives need the host. The bits are the same.
   */
  readonly captured?: boolean;
}

/** One training step of a K2 model. Everything is enqueued: only `metrics` waits. */
export interface TrainStep {
  /** Of the parameters, or of this rank's pieces of them. */
  readonly optimizerState: MuonClipState;
  /** The optimizer's tensors as a checkpoint holds them. */
  readonly saved: readonly SavedTensor[];
  /** Enqueues forward, backward and update for `accumulation` micro-batches. */
  run(batches: readonly MicroBatch[], scalars: StepScalars): void;
  /**
   * Resolves to the metrics of the last step that was run. On a device whose reads are queued (CUDA) the next step may be run before they are
   * there, elsewhere not.
   */
  metrics(): Promise<StepMetrics>;
  /** Mean loss of one batch without training; of this rank's alone. */
  evaluate(batch: MicroBatch): Promise<number>;
}

/** Builds the step: fixed input tensors, the optimizer's state, and the order of the kernels. */
export function createTrainStep(model: K2Model, optimizer: MuonClip, options: TrainStepOptions): TrainStep {
  const {
    batchSize,
    sequenceLength,
    accumulation = 1,
    recompute = "none",
    store = "exact",
    zLoss = 0,
    balanceRate = 1e-3,
  } = options;
  const { communicator } = options;
  const { device, config, statistics } = model;
  const { backend } = device;
  const captured = (communicator?.capturable ?? true) && (options.captured ?? backend.description.kind === "cuda");
  const parameters = optimizedParameters(model, options.adamWOnly);
  const sharded = communicator ? shardOptimizer(communicator, optimizer, parameters, clippedAttention(model)) : null;
  const optimizerState = sharded?.state ?? optimizer.init(device, parameters, clippedAttention(model));
  const tensors = parameters.map(({ tensor }) => tensor);
  const shape = [batchSize, sequenceLength];
  const input = (label: string, inputShape: readonly number[]) => persistent(device, inputShape, "i32", label);
  const inputs = Array.from({ length: accumulation }, (_, i) => ({
    tokens: input(`tokens ${i}`, shape),
    targets: input(`targets ${i}`, shape),
    positions: input(`positions ${i}`, [batchSize * sequenceLength]),
    documents: input(`documents ${i}`, shape),
  }));
  const loss = persistent(device, [1], "f32", "mean loss");
  const targetCounts = persistent(device, [accumulation], "f32", "targets of the micro-batches");
  const targetTotal = persistent(device, [1], "f32", "targets of the step");
  const lossWeights = persistent(device, [accumulation], "f32", "weights of the micro-batches");
  const heads = config.numAttentionHeads;
  const maxLogits = persistent(device, [config.numHiddenLayers * heads], "f32", "max logits of the step");
  const loads = statistics.loads.filter((load) => load !== null);
  const biases = model.weights.layers.flatMap(({ moe }) => (moe ? [moe.bias] : []));
  const experts = config.nRoutedExperts;
  const stepLoads = persistent(device, [Math.max(loads.length * experts, 1)], "f32", "expert loads of the step");
  const reported = [loss, optimizerState.gradientNorm, maxLogits, stepLoads];
  const reportSize = reported.reduce((size, tensor) => size + tensor.size, 0);
  /** What the host reads of a step, at once. */
  const report = persistent(device, [reportSize], "f32", "report");
  let graph: Graph | null = null;
  let ran = 0;
  resetMaxLogits();

  function resetMaxLogits(): void {
    for (const tensor of statistics.maxLogits) fill(tensor, Number.NEGATIVE_INFINITY);
  }

  function writeBatch(batch: (typeof inputs)[number], values: MicroBatch): void {
    batch.tokens.write(values.tokens);
    batch.targets.write(values.targets);
    batch.positions.write(values.positions);
    batch.documents.write(values.documents);
  }

  function copy(src: Tensor, srcOffset: number, dst: Tensor, dstOffset: number, count: number): void {
    backend.enqueue("copy3d", {
      src: src.buffer,
      dst: dst.buffer,
      n0: 1,
      n1: 1,
      n2: count,
      srcOffset,
      src0: 0,
      src1: 0,
      dstOffset,
      dst0: 0,
      dst1: 0,
      accumulate: 0,
    });
  }

  /** Copies small tensors behind one another, so that the host reads them, and the ranks reduce them, at once. */
  function gather(parts: readonly Tensor[], into: Tensor): void {
    let at = 0;
    for (const part of parts) {
      copy(part, 0, into, at, part.size);
      at += part.size;
    }
  }

  function scatter(from: Tensor, parts: readonly Tensor[]): void {
    for (const [i, part] of parts.entries()) copy(from, i * part.size, part, 0, part.size);
  }

  function writeInputs(batches: readonly MicroBatch[]): void {
    for (const [i, micro] of batches.entries()) writeBatch(inputs[i], micro);
    const counts = batches.map(({ targets }) => targets.reduce((count, target) => count + (target === -1 ? 0 : 1), 0));
    targetCounts.write(counts);
    // A step without any target has a loss of 0, not 0 / 0.
    targetTotal.write([counts.reduce((sum, count) => sum + count, 0)]);
  }

  /**
   * lossWeights = each micro-batch's share of the targets of the step, so that losses and gradients, means over a micro-batch, add up
   * to the means over the whole batch of all ranks.
   */
  function weighMicroBatches(): void {
    communicator?.allReduce(targetTotal.buffer, 1, "sum");
    scope(device, () => {
      const one = empty(device, [1], "f32", "one");
      fill(one, 1);
      divideOrMax("max", targetTotal, one, targetTotal);
      divideOrMax("div", targetCounts, targetTotal, lossWeights);
    });
  }

  /** y = a ∘ b[0]. */
  function divideOrMax(op: "div" | "max", a: Tensor, b: Tensor, y: Tensor): void {
    const strides = { aRow: a.size, aColumn: 1, bRow: 0, bColumn: 0 };
    backend.enqueue("binary", {
      a: a.buffer,
      b: b.buffer,
      y: y.buffer,
      rows: 1,
      columns: a.size,
      ...strides,
      op: binaryOps.indexOf(op),
    });
  }

  /** Everything of a step that depends on device memory alone. */
  function enqueueStep(): void {
    zeroGrad(tensors);
    weighMicroBatches();
    for (const [i, batch] of inputs.entries()) {
      scope(device, () => {
        const mean = forwardLoss(model, batch, { recompute, store, zLoss });
        const weight = empty(device, [], "f32", "weight of the micro-batch");
        copy(lossWeights, i, weight, 0, 1);
        backend.enqueue("scaleByScalar", {
          x: mean.buffer,
          scalar: weight.buffer,
          y: loss.buffer,
          n: 1,
          alpha: 1,
          accumulate: i === 0 ? 0 : 1,
        });
        backward(mean, weight);
      });
    }
    gather(statistics.maxLogits, maxLogits);
    gather(loads, stepLoads);
    if (communicator) {
      communicator.allReduce(loss.buffer, 1, "sum");
      communicator.allReduce(maxLogits.buffer, maxLogits.size, "max");
      scatter(maxLogits, statistics.maxLogits);
      if (loads.length > 0) communicator.allReduce(stepLoads.buffer, stepLoads.size, "sum");
      scatter(stepLoads, loads);
    }
    scope(device, () => (sharded ? sharded.update() : optimizer.update(optimizerState)));
    resetMaxLogits();
    for (const [i, load] of loads.entries()) {
      backend.enqueue("balanceBias", { bias: biases[i].buffer, loads: load.buffer, experts, rate: balanceRate });
    }
    gather(reported, report);
  }

  return {
    optimizerState,
    saved: sharded?.saved ?? savedTensors(optimizer.tensors(optimizerState)),
    run(batches, scalars) {
      if (batches.length !== accumulation) {
        throw new Error(
          `train step: ${batches.length} micro-batches, expected ${accumulation} (the accumulation it was built for)`,
        );
      }
      optimizer.write(optimizerState, scalars);
      writeInputs(batches);
      // The first steps make gradients and grow the arena; from then on every step is the same.
      if (captured && ran === 2) graph = backend.capture(enqueueStep);
      if (graph) backend.launch(graph);
      else enqueueStep();
      ran++;
    },
    async metrics() {
      const values = Array.from(await report.read());
      const [meanLoss, gradientNorm] = values;
      const rows = (from: number, width: number, count: number) =>
        Array.from({ length: count }, (_, i) => values.slice(from + i * width, from + (i + 1) * width));
      const headLogits = rows(2, heads, config.numHiddenLayers);
      return {
        loss: meanLoss,
        gradientNorm,
        maxLogits: headLogits.map((row) => Math.max(...row)),
        headLogits,
        loadImbalance: rows(2 + maxLogits.size, experts, loads.length).map(
          (row) =>
            (Math.max(...row) * experts) /
            Math.max(
              row.reduce((sum, load) => sum + load, 0),
              1,
            ),
        ),
      };
    },
    async evaluate(values) {
      writeBatch(inputs[0], values);
      scope(device, () =>
        noGrad(device, () => {
          const mean = forwardLoss(model, inputs[0]);
          backend.enqueue("axpby", { x: mean.buffer, y: loss.buffer, n: 1, alpha: 1, beta: 0 });
        }),
      );
      const value = await loss.item();
      // Evaluation leaves no trace in what steers the next step.
      resetMaxLogits();
      for (const load of loads) fill(load, 0);
      return value;
    },
  };
}
