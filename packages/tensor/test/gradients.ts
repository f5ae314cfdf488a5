import assert from "node:assert/strict";
import {
  backward,
  createDevice,
  type Device,
  noGrad,
  normal,
  openReferenceBackend,
  parameter,
  type Shape,
  scope,
  sizeOf,
  type Tensor,
} from "@baltoro/tensor";

/** A float64 device for gradient checks. */
export function referenceDevice(): Device {
  return createDevice(openReferenceBackend());
}

/**
 * Compares the gradients of `loss` (a scalar made from the inputs) with central differences on the float64 reference.
 * Inputs are given by shape and drawn from a normal distribution, or by values.
 */
export async function checkGradients(
  shapes: readonly (Shape | { readonly shape: Shape; readonly values: ArrayLike<number> })[],
  loss: (inputs: readonly Tensor[], device: Device) => Tensor,
  { seed = 1, tolerance = 1e-6, step = 1e-5 } = {},
): Promise<void> {
  const device = referenceDevice();
  const inputs = shapes.map((given, i) => {
    const shape = "shape" in given ? given.shape : given;
    const input = parameter(device, shape, `input ${i}`);
    input.write("shape" in given ? Float64Array.from(given.values) : Float64Array.from(normal(seed, i, sizeOf(shape))));
    return input;
  });
  const evaluate = async () => {
    const value = scope(device, () => noGrad(device, () => loss(inputs, device)));
    const result = await value.item();
    value.release();
    return result;
  };
  scope(device, () => {
    backward(loss(inputs, device));
  });
  for (const [which, input] of inputs.entries()) {
    const values = Float64Array.from(await input.read());
    assert.ok(input.grad && input.gradDefined, `input ${which} has no gradient`);
    const gradient = await input.grad.read();
    for (let i = 0; i < values.length; i++) {
      const original = values[i];
      values[i] = original + step;
      input.write(values);
      const above = await evaluate();
      values[i] = original - step;
      input.write(values);
      const below = await evaluate();
      values[i] = original;
      input.write(values);
      const expected = (above - below) / (2 * step);
      assert.ok(
        Math.abs(gradient[i] - expected) <= tolerance * Math.max(1, Math.abs(expected)),
        `input ${which}, element ${i}: gradient ${gradient[i]}, finite difference ${expected}`,
      );
    }
  }
  device.memory.arena.checkIntegrity();
  assert.equal(device.memory.arena.liveBytes, 0, "the step left memory in the arena");
  await device.close();
}
