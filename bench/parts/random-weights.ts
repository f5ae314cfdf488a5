import { type K2Model, namedWeights } from "@baltoro/k2";
import { persistent, quantizeFrom, type Tensor } from "@baltoro/tensor";

/**
 * Draws a model's weights on its device: uniform numbers of the initializer's standard deviation, norms one, biases zero; those in e4m3 by
 * way of bf16. Billions of them take a moment there, and minutes on the host.
 */
export function drawWeights({ device, config, weights }: K2Model): void {
  const { backend } = device;
  const [state, factor, shift] = [
    backend.alloc(64, "random state", "i32"),
    backend.alloc(64, "factor"),
    backend.alloc(64, "shift"),
  ];
  backend.write(state, "i32", [1, 2, 3, 4]);
  backend.write(factor, "f32", [config.initializerRange * Math.sqrt(12)]);
  backend.write(shift, "f32", [-0.5]);
  const draw = ({ buffer: y, size: n }: Tensor, stream: number) => {
    backend.enqueue("randomUniform", { state, y, n, stream });
    const shared = { a: y, y, rows: 1, columns: n, aRow: 0, aColumn: 1, bRow: 0, bColumn: 0 };
    backend.enqueue("binary", { ...shared, b: shift, op: 0 });
    backend.enqueue("binary", { ...shared, b: factor, op: 2 });
  };
  for (const [stream, { tensor, kind }] of namedWeights(weights).entries()) {
    const { buffer: y, size: n } = tensor;
    if (kind === "norm" || kind === "bias") backend.enqueue("fill", { y, n, value: kind === "norm" ? 1 : 0 });
    else if (tensor.dtype === "fp8e4m3") {
      const values = persistent(device, tensor.shape, "bf16", "values to quantize");
      draw(values, stream);
      quantizeFrom(tensor, values);
      values.release();
    } else draw(tensor, stream);
  }
  for (const buffer of [state, factor, shift]) backend.free(buffer);
}
