import { fill, persistent, type Tensor } from "@baltoro/tensor";
import type { OptimizedParameter, Optimizer } from "./optimizer.ts";

/** Options of {@link adamW}. Defaults as in Moonlight's code: β (0.9, 0.95), eps 1e-8, weight decay 0.1. */
export interface AdamWOptions {
  readonly beta1?: number;
  readonly beta2?: number;
  readonly eps?: number;
  readonly weightDecay?: number;
}

interface Moments {
  readonly parameter: OptimizedParameter;
  readonly first: Tensor;
  readonly second: Tensor;
}

export interface AdamWState {
  readonly moments: readonly Moments[];
  /** f32 [8], see the `adamw` kernel. */
  readonly hyper: Tensor | null;
}

/** AdamW with decoupled weight decay (Loshchilov & Hutter 2019, arXiv 1711.05101). Takes every parameter it is given. */
export function adamW(options: AdamWOptions = {}): Optimizer<AdamWState> {
  const { beta1 = 0.9, beta2 = 0.95, eps = 1e-8, weightDecay = 0.1 } = options;
  return {
    init(device, parameters) {
      const moments = parameters.map((parameter) => {
        const zeros = (label: string) => {
          const tensor = persistent(device, parameter.tensor.shape, "f32", `${label} of ${parameter.name}`);
          fill(tensor, 0);
          return tensor;
        };
        return { parameter, first: zeros("first moment"), second: zeros("second moment") };
      });
      return { moments, hyper: moments.length > 0 ? persistent(device, [8], "f32", "AdamW scalars") : null };
    },
    write({ hyper }, { learningRate, step }) {
      const t = step + 1;
      hyper?.write([learningRate, weightDecay, beta1, beta2, 1 - beta1 ** t, 1 - beta2 ** t, eps, 1]);
    },
    update({ moments, hyper }, clip) {
      for (const { parameter, first, second } of moments) {
        const { tensor } = parameter;
        if (!tensor.grad || !tensor.gradDefined || !hyper) continue;
        tensor.device.backend.enqueue("adamw", {
          w: tensor.buffer,
          g: tensor.grad.buffer,
          m: first.buffer,
          v: second.buffer,
          hyper: hyper.buffer,
          clip: clip.buffer,
          n: tensor.size,
          decay: 1,
        });
      }
    },
    prefixes: ["adamw.first.", "adamw.second."],
    tensors({ moments }) {
      return new Map(
        moments.flatMap(({ parameter, first, second }) => [
          [`adamw.first.${parameter.name}`, first] as const,
          [`adamw.second.${parameter.name}`, second] as const,
        ]),
      );
    },
  };
}
