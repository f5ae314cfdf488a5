/** Parts of a forward pass that are computed again in the backward pass: the same gradients, bit for bit, in less memory. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import {
  add,
  backward,
  checkpoint,
  createDevice,
  linear,
  multiply,
  noGrad,
  normal,
  openDevice,
  openReferenceBackend,
  parameter,
  recompute,
  recordBackend,
  reshape,
  rmsNorm,
  scope,
  split,
  sum,
  swiglu,
  type Tensor,
  tensor,
} from "@baltoro/tensor";
import { weightedSum } from "./weighted-sum.ts";

const device = await openDevice("wasm", { threads: 1 });
after(() => device.close());

type Part = <Out extends Tensor | readonly Tensor[]>(
  inputs: readonly Tensor[],
  body: (inputs: readonly Tensor[]) => Out,
) => Out;
const keep: Part = (inputs, body) => body(inputs);

const [rows, width, layers] = [24, 32, 4];

const weights = Array.from({ length: layers }, (_, layer) => {
  const make = (name: string, shape: readonly number[]) => {
    const weight = parameter(device, shape, `${name} ${layer}`);
    weight.write(normal(layer + 1, name.length, weight.size, 0.2));
    return weight;
  };
  return {
    norm: make("norm", [width]),
    both: make("gate and up", [4 * width, width]),
    down: make("down", [width, 2 * width]),
  };
});

/** Layers of a feed-forward network with a residual stream; `part` takes norm and activation, two deep, with two outputs. */
function forward(x: Tensor, part: Part, whole: Part = keep): Tensor {
  let hidden = x;
  for (const { norm, both, down } of weights) {
    const input = hidden;
    hidden = scope(device, () =>
      whole([input], ([again]) => {
        const normed = part([again], ([of]) => rmsNorm(of, norm));
        // Two outputs, one of them seen under another shape; the second part's input is the first one's output.
        const [gate, up] = part([normed], ([of]) =>
          split(reshape(linear(of, both), [rows, 4 * width]), [2 * width, 2 * width]),
        );
        const inner = part([reshape(gate, [rows * 2, width]), reshape(up, [rows * 2, width])], ([g, u]) =>
          swiglu(g, u),
        );
        return add(again, linear(reshape(inner, [rows, 2 * width]), down));
      }),
    );
  }
  return weightedSum(hidden);
}

async function gradients(part: Part, whole: Part = keep) {
  const leaf = parameter(device, [rows, width], "x");
  leaf.write(normal(9, 0, leaf.size, 1));
  const all = [leaf, ...weights.flatMap(Object.values)] as Tensor[];
  for (const one of all) one.gradDefined = false;
  device.memory.arena.resetPeak();
  const loss = scope(device, () => {
    const value = forward(leaf, part, whole);
    backward(value);
    return value;
  });
  const values = [await loss.item(), ...(await Promise.all(all.map((one) => one.grad?.read())))];
  loss.release();
  assert.equal(device.memory.arena.liveBytes, 0);
  device.memory.arena.checkIntegrity();
  leaf.release();
  return { values, peak: device.memory.arena.peakBytes };
}

test("recomputed parts give the gradients of kept ones bit for bit, in less memory; whole layers with such parts within too", async () => {
  const kept = await gradients(keep);
  const again = await gradients(recompute);
  assert.deepEqual(again.values, kept.values);
  const nested = await gradients(recompute, checkpoint);
  assert.deepEqual(nested.values, kept.values);
  for (const { peak } of [again, nested]) assert.ok(peak < 0.7 * kept.peak, `${peak} bytes with, ${kept.peak} without`);
});

test("a part runs twice in a step, and once where nothing is recorded", () => {
  const backend = recordBackend(openReferenceBackend());
  const on = createDevice(backend);
  const x = parameter(on, [2, 4], "x");
  x.write(normal(1, 0, 8, 1));
  const weight = parameter(on, [4], "weight");
  weight.write([1, 2, 3, 4]);
  const norms = (train: boolean) => {
    backend.beginStep();
    scope(on, () => {
      const y = recompute([x], ([of]) => rmsNorm(of, weight));
      // Both factors save the other: the second run serves all who want its output.
      if (train) backward(sum(multiply(y, y)));
    });
    return backend.endStep().filter((call) => call.startsWith("rmsNormForward")).length;
  };
  assert.equal(norms(true), 2);
  assert.equal(norms(true), 2);
  assert.equal(
    noGrad(on, () => norms(false)),
    1,
  );
});

test("an output without a gradient of its own costs nothing, and what no backward pass reaches is given back", async () => {
  const x = tensor(device, normal(1, 0, 8, 1), [2, 4]);
  x.requiresGrad = true;
  const weight = tensor(device, [1, 2, 3, 4], [4]);
  scope(device, () => {
    const [first] = recompute([x], ([of]) => split(rmsNorm(of, weight), [1, 3]));
    recompute([first], ([of]) => multiply(of, of));
    backward(sum(multiply(first, first)));
  });
  assert.ok((await x.grad?.read())?.some((value) => value !== 0));
  scope(device, () => void recompute([x], ([of]) => rmsNorm(of, weight)));
  assert.equal(device.memory.arena.liveBytes, 0);
});

test("a part that returns its input is refused; a failure in its second run leaves nothing behind", () => {
  const x = parameter(device, [2, 4], "x");
  x.write(normal(1, 0, 8, 1));
  scope(device, () => {
    assert.throws(() => recompute([x], ([of]) => reshape(of, [8])), /"x" is an input or a view of one/);
  });
  let runs = 0;
  assert.throws(
    () =>
      scope(device, () => {
        const y = recompute([x], ([of]) => {
          const squared = multiply(of, of);
          if (++runs === 2) throw new Error("the second run");
          return squared;
        });
        backward(sum(multiply(y, y)));
      }),
    /the second run/,
  );
  assert.equal(device.memory.arena.liveBytes, 0);
  assert.equal(device.tape.enabled, true);
  assert.equal(device.tape.nodes.length, 0);
});
