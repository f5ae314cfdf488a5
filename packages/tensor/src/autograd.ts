import type { Device } from "./device.ts";
import type { DType } from "./dtype.ts";
import { type Saved, save as saveForBackward } from "./saved.ts";
import { scope } from "./scope.ts";
import { formatShape, sameShape } from "./shape.ts";
import { emptyUntracked, fill, persistent, type Tensor } from "./tensor.ts";

/** Where the gradient of one input of an operation goes. */
export interface Sink {
  /**
   * The tensor that a kernel writes the gradient to, with its accumulate flag: 1 where it must add to what is there.
   * Call it once per kernel, right before enqueueing it.
   */
  target(): { out: Tensor; accumulate: 0 | 1 };
  /** Hands over a gradient that exists already, without copying it where that is possible. */
  add(gradient: Tensor): void;
}

/**
 * The backward pass of one operation: enqueues kernels that turn the gradients of its outputs (null: none arrived) into
 * those of its inputs (null sink: not wanted). `saved` are the tensors that `record` was given, in that order.
 */
export type Backward = (
  gradients: readonly (Tensor | null)[],
  sinks: readonly (Sink | null)[],
  saved: readonly Tensor[],
) => void;

type Edge = { readonly node: GradNode; readonly output: number } | { readonly leaf: Tensor } | null;

/** A recorded operation. */
export interface GradNode {
  readonly name: string;
  readonly edges: readonly Edge[];
  readonly saved: readonly Saved[];
  readonly outputShapes: readonly (readonly number[])[];
  /** A gradient has the dtype of what it is a gradient of; those of leaves are f32. */
  readonly outputDTypes: readonly DType[];
  /** Gradients of the outputs, gathered while the backward pass walks towards this node. */
  readonly gradients: (Tensor | null)[];
  readonly backward: Backward;
  /** Ends what the node holds beside `saved`. */
  readonly onRelease?: () => void;
}

/** The operations recorded on a device, in their order. */
export class Tape {
  nodes: GradNode[] = [];
  enabled = true;

  /** Drops all recorded operations and what they saved. */
  clear(): void {
    for (const node of this.nodes) releaseNode(node);
    this.nodes = [];
  }
}

function releaseNode(node: GradNode): void {
  for (const saved of node.saved) saved.release();
  node.onRelease?.();
  for (const [i, gradient] of node.gradients.entries()) {
    gradient?.release();
    node.gradients[i] = null;
  }
}

/**
 * Puts an operation on the tape if one of its inputs requires a gradient. `save` are what the backward pass needs: their values are
 * there again when it runs, kept or computed anew.
 */
export function record(
  name: string,
  inputs: readonly (Tensor | null)[],
  outputs: readonly Tensor[],
  save: readonly Tensor[],
  backward: Backward,
): void {
  if (!outputs[0].device.tape.enabled || !inputs.some((input) => input?.requiresGrad)) return;
  recordNode(name, inputs, outputs, { saved: save.map(saveForBackward), backward });
}

/** As {@link record} whether or not an input requires a gradient, for operations that keep what they need by themselves. */
export function recordNode(
  name: string,
  inputs: readonly (Tensor | null)[],
  outputs: readonly Tensor[],
  rest: Pick<GradNode, "saved" | "backward" | "onRelease">,
): void {
  const node: GradNode = {
    name,
    edges: inputs.map((input) => edgeTo(input)),
    outputShapes: outputs.map((output) => output.shape),
    outputDTypes: outputs.map((output) => output.dtype),
    gradients: outputs.map(() => null),
    ...rest,
  };
  for (const [i, output] of outputs.entries()) {
    output.requiresGrad = true;
    output.node = node;
    output.outputIndex = i;
  }
  outputs[0].device.tape.nodes.push(node);
}

function edgeTo(input: Tensor | null): Edge {
  if (!input?.requiresGrad) return null;
  return input.node ? { node: input.node, output: input.outputIndex } : { leaf: input };
}

/** Runs `body` without recording. */
export function noGrad<T>(device: Device, body: () => T): T {
  const before = device.tape.enabled;
  device.tape.enabled = false;
  try {
    return body();
  } finally {
    device.tape.enabled = before;
  }
}

/**
 * Enqueues the backward pass: adds d(loss)/d(leaf) to the gradient of every leaf, and empties the tape. `seed` is the
 * gradient of the loss, by default ones. Saved tensors are freed right after their last use.
 */
export function backward(loss: Tensor, seed?: Tensor): void {
  if (!loss.node)
    throw new Error(
      `backward: "${loss.label}" ${formatShape(loss.shape)} does not depend on anything that requires a gradient`,
    );
  if (seed && !sameShape(seed.shape, loss.shape)) {
    throw new Error(`backward: the seed has shape ${formatShape(seed.shape)}, the loss ${formatShape(loss.shape)}`);
  }
  backwardFrom(loss.device, [{ node: loss.node, outputIndex: loss.outputIndex, gradient: seed ?? null }]);
}

/** Where the backward pass starts: an output of an operation with its gradient (null: ones). */
export interface Seed {
  readonly node: GradNode;
  readonly outputIndex: number;
  readonly gradient: Tensor | null;
}

/** As {@link backward} for several outputs. */
export function backwardFrom(device: Device, seeds: readonly Seed[]): void {
  const { tape } = device;
  for (const { node, outputIndex, gradient } of seeds) {
    const sink = nodeSink(node, outputIndex, device);
    if (gradient) sink.add(gradient);
    else fill(sink.target().out, 1);
  }
  noGrad(device, () => {
    for (let node = tape.nodes.pop(); node; node = tape.nodes.pop()) {
      try {
        if (node.gradients.some((gradient) => gradient)) runNode(device, node);
      } finally {
        releaseNode(node);
      }
    }
  });
}

function runNode(device: Device, node: GradNode): void {
  const sinks = node.edges.map((edge) => {
    if (!edge) return null;
    return "leaf" in edge ? leafSink(edge.leaf) : nodeSink(edge.node, edge.output, device);
  });
  scope(device, () => {
    const saved = node.saved.map((tensor) => tensor.restore());
    node.backward(node.gradients, sinks, saved);
  });
}

function nodeSink(node: GradNode, output: number, device: Device): Sink {
  const shape = node.outputShapes[output];
  const dtype = node.outputDTypes[output];
  const label = `gradient of ${node.name}`;
  return {
    target() {
      const existing = node.gradients[output];
      if (!existing) {
        const out = emptyUntracked(device, shape, dtype, label);
        node.gradients[output] = out;
        return { out, accumulate: 0 };
      }
      if (existing.storage.references === 1) return { out: existing, accumulate: 1 };
      // Another gradient shares this memory (a residual branch passed it on): adding in place would change both.
      const out = emptyUntracked(device, shape, dtype, label);
      addInto(existing, out, 0);
      existing.release();
      node.gradients[output] = out;
      return { out, accumulate: 1 };
    },
    add(gradient) {
      if (node.gradients[output]) {
        const { out } = this.target();
        addInto(gradient, out, 1);
      } else node.gradients[output] = gradient.alias(shape);
    },
  };
}

function leafSink(leaf: Tensor): Sink {
  if (leaf.sink) return leaf.sink;
  return {
    target() {
      leaf.grad ??= persistent(leaf.device, leaf.shape, "f32", `gradient of ${leaf.label}`);
      const accumulate = leaf.gradDefined ? 1 : 0;
      leaf.gradDefined = true;
      return { out: leaf.grad, accumulate };
    },
    add(gradient) {
      const { out, accumulate } = this.target();
      addInto(gradient, out, accumulate);
    },
  };
}

/** target = source + beta · target. */
function addInto(source: Tensor, target: Tensor, beta: 0 | 1): void {
  target.device.backend.enqueue("axpby", { x: source.buffer, y: target.buffer, n: target.size, alpha: 1, beta });
}

/** Marks the gradients of parameters as empty: the next backward pass overwrites them. No memory is touched. */
export function zeroGrad(parameters: Iterable<Tensor>): void {
  for (const parameter of parameters) parameter.gradDefined = false;
}
