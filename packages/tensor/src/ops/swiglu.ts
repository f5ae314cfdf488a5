import { record } from "../autograd.ts";
import { empty, type Tensor } from "../tensor.ts";
import { expectDType, expectTensor } from "./check.ts";

/** silu(gate) · up, elementwise, of equal shapes (Shazeer 2020, arXiv 2002.05202). */
export function swiglu(gate: Tensor, up: Tensor): Tensor {
  expectTensor("swiglu", `up for gate [${gate.shape.join(", ")}]`, up, gate.shape, gate.dtype);
  expectDType("swiglu", "gate", gate, "float");
  const { device, shape, size: n } = gate;
  const y = empty(device, shape, gate.dtype, "swiglu");
  device.backend.enqueue("swigluForward", { gate: gate.buffer, up: up.buffer, y: y.buffer, n });
  record("swiglu", [gate, up], [y], [gate, up], ([dy], sinks, [savedGate, savedUp]) => {
    if (!dy) return;
    const dgate = empty(device, shape, gate.dtype, "swiglu dgate");
    const dup = empty(device, shape, up.dtype, "swiglu dup");
    device.backend.enqueue("swigluBackward", {
      dy: dy.buffer,
      gate: savedGate.buffer,
      up: savedUp.buffer,
      dgate: dgate.buffer,
      dup: dup.buffer,
      n,
    });
    sinks[0]?.add(dgate);
    sinks[1]?.add(dup);
  });
  return y;
}
