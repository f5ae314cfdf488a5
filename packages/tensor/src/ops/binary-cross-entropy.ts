import { record } from "../autograd.ts";
import { empty, type Tensor } from "../tensor.ts";
import { expectDType, expectTensor } from "./check.ts";

/**
 * −t · log σ(x) − (1 − t) · log(1 − σ(x)) for every element, computed from the logits so that nothing overflows: x and targets
 * [...], targets in [0, 1]. Take the mean, or weigh it first.
 */
export function binaryCrossEntropy(logits: Tensor, targets: Tensor): Tensor {
  expectDType("binaryCrossEntropy", "logits", logits, "f32");
  expectTensor("binaryCrossEntropy", "targets", targets, logits.shape);
  const { device, shape, size: n } = logits;
  const loss = empty(device, shape, "f32", "binaryCrossEntropy");
  device.backend.enqueue("bceForward", { x: logits.buffer, target: targets.buffer, loss: loss.buffer, n });
  record("binaryCrossEntropy", [logits], [loss], [logits, targets], ([dy], [sink], [savedX, savedTargets]) => {
    if (!dy || !sink) return;
    const { out, accumulate } = sink.target();
    device.backend.enqueue("bceBackward", {
      ...{ dy: dy.buffer, x: savedX.buffer, target: savedTargets.buffer, dx: out.buffer, n, accumulate },
    });
  });
  return loss;
}
