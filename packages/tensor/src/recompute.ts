import { backwardFrom, type GradNode, noGrad, recordNode, type Seed } from "./autograd.ts";
import type { Device } from "./device.ts";
import { type Saved, save } from "./saved.ts";
import { scope } from "./scope.ts";
import type { Tensor } from "./tensor.ts";

/**
 * A part of the forward pass. It must enqueue the same kernels each time. It may close over parameters and other tensors that last; those of
 * the step must be among its inputs, which are kept for its second run.
 */
type Body<Out> = (inputs: readonly Tensor[]) => Out;

/**
 * Gradient checkpointing: runs `body` without recording, keeps only its inputs and its output, and runs it again in the
 * backward pass (Chen et al. 2016, arXiv 1604.06174). Parameters that it closes over receive their gradients as usual.
 */
export function checkpoint<Out extends Tensor | readonly Tensor[]>(inputs: readonly Tensor[], body: Body<Out>): Out {
  return replayed("checkpoint", inputs, body, true);
}

/**
 * As {@link checkpoint}, but the outputs are not kept either: what saved one of them for its own backward pass gets it when that runs,
 * from a second run of `body`, which then serves the backward pass of `body` too. For cheap operations whose inputs are kept in any case
 * (a norm, an activation function, an up-projection), so that memory is had for a little arithmetic. The gradients are those of `body`
 * without it, bit for bit. Outputs must be new tensors, not inputs or views of them.
 *
 * @example
 * const normed = recompute([x], ([x]) => rmsNorm(x, weight));
 * const y = linear(normed, w); // keeps x for its backward pass, not normed
 */
export function recompute<Out extends Tensor | readonly Tensor[]>(inputs: readonly Tensor[], body: Body<Out>): Out {
  return replayed("recompute", inputs, body, false);
}

function replayed<Out extends Tensor | readonly Tensor[]>(
  name: string,
  inputs: readonly Tensor[],
  body: Body<Out>,
  keepOutputs: boolean,
): Out {
  const { device } = inputs[0];
  if (!device.tape.enabled) return scope(device, () => body(inputs));
  const result = scope(device, () => noGrad(device, () => body(inputs)));
  const outputs = listOf(result);
  for (const output of outputs) {
    if (inputs.some(({ storage }) => storage === output.storage))
      throw new Error(`${name}: the output "${output.label}" is an input or a view of one, expected a new tensor`);
  }
  const part = createPart(device, inputs, (again) => listOf(body(again)));
  if (!keepOutputs) {
    for (const [i, output] of outputs.entries())
      output.storage.origin = { restore: () => part.output(i), retain: part.retain, release: part.release };
  }
  recordNode(name, inputs, outputs, {
    saved: [],
    onRelease: part.release,
    backward: (gradients, sinks) => {
      const { leaves, outputs: again, ends, nodes } = part.replay();
      // Whoever has saved one has had its turn: what the part's own operations need, those hold.
      for (const tensor of again) tensor.release();
      for (const [i, leaf] of leaves.entries()) leaf.sink = sinks[i];
      const seeds: Seed[] = [];
      for (const [i, gradient] of gradients.entries()) {
        const { node, outputIndex } = ends[i];
        if (gradient && node) seeds.push({ node, outputIndex, gradient });
      }
      withTape(device, nodes, () => backwardFrom(device, seeds));
    },
  });
  return result;
}

function listOf(result: Tensor | readonly Tensor[]): readonly Tensor[] {
  return Array.isArray(result) ? result : [result as Tensor];
}

/** The second run of a part. */
interface Replay {
  /** What stands for the inputs in it. */
  readonly leaves: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  /** Which operation of it each output comes from. */
  readonly ends: readonly { readonly node: GradNode | null; readonly outputIndex: number }[];
  readonly nodes: GradNode[];
}

/** A part of the forward pass that is held by its node, and by everything that has saved one of its outputs. */
function createPart(device: Device, inputs: readonly Tensor[], body: Body<readonly Tensor[]>) {
  const held: readonly Saved[] = inputs.map(save);
  const wanted = inputs.map(({ requiresGrad }) => requiresGrad);
  let done: Replay | null = null;
  let holders = 1;

  function replay(): Replay {
    if (done) return done;
    const nodes: GradNode[] = [];
    const leaves = held.map((saved, i) => {
      const leaf = saved.restore().alias();
      leaf.requiresGrad = wanted[i];
      return leaf;
    });
    const made = withTape(device, nodes, () => scope(device, () => body(leaves)));
    // Those of this run belong to the scope around it; they must last until the part's own backward pass.
    const outputs = made.map((tensor) => tensor.alias());
    const ends = made.map(({ node, outputIndex }) => ({ node, outputIndex }));
    for (const tensor of made) tensor.release();
    done = { leaves, outputs, ends, nodes };
    return done;
  }

  return {
    replay,
    output: (i: number) => replay().outputs[i],
    retain: () => void holders++,
    release() {
      if (--holders > 0) return;
      if (done) {
        withTape(device, done.nodes, () => device.tape.clear());
        for (const tensor of [...done.outputs, ...done.leaves]) tensor.release();
      }
      for (const saved of held) saved.release();
    },
  };
}

/** Runs `act` with recording on, onto `nodes`, which are dropped if it fails. */
function withTape<T>({ tape }: Device, nodes: GradNode[], act: () => T): T {
  const { nodes: outer, enabled } = tape;
  tape.nodes = nodes;
  tape.enabled = true;
  try {
    return act();
  } catch (error) {
    tape.clear();
    throw error;
  } finally {
    tape.nodes = outer;
    tape.enabled = enabled;
  }
}
