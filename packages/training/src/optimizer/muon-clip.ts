import { type Device, empty, fill, persistent, type Tensor } from "@baltoro/tensor";
import { type AdamWOptions, type AdamWState, adamW } from "./adamw.ts";
import { type MuonOptions, type MuonState, muon } from "./muon.ts";
import type { OptimizedParameter, StepScalars } from "./optimizer.ts";
import { type ClippedAttention, qkClip } from "./qk-clip.ts";

/** Options of {@link muonClip}. */
export interface MuonClipOptions {
  readonly muon?: MuonOptions;
  readonly adamW?: AdamWOptions;
  /** Largest global gradient norm; 0 leaves gradients as they are. Default 1. */
  readonly maxGradientNorm?: number;
  /** QK-Clip's threshold τ on attention logits; 0 turns it off. Default 100, as K2. */
  readonly tau?: number;
}

export interface MuonClipState {
  readonly muon: MuonState;
  readonly adamW: AdamWState;
  readonly parameters: readonly OptimizedParameter[];
  readonly attention: readonly ClippedAttention[];
  readonly normSquared: Tensor;
  /** The clip factor of the last step, a device scalar. */
  readonly clip: Tensor;
  /** The global gradient norm of the last step before clipping, a device scalar. */
  readonly gradientNorm: Tensor;
}

/** What is enqueued within an update where each of several ranks holds a part of the parameters. */
export interface UpdateAcrossRanks {
  /** Adds the ranks' squared gradient norms up. */
  sumNorms(normSquared: Tensor): void;
  /** Brings every rank the weights that the others have updated. QK-Clip comes after it. */
  gatherWeights(): void;
}

/** The K2 optimizer as a pure pair. */
export interface MuonClip {
  init(
    device: Device,
    parameters: readonly OptimizedParameter[],
    attention: readonly ClippedAttention[],
  ): MuonClipState;
  /** Sends this step's scalars to the device. Before `update`, outside of a captured graph. */
  write(state: MuonClipState, scalars: StepScalars): void;
  /** Enqueues one step: gradient norm, clipping, Muon, AdamW, QK-Clip. Gradients hold the sum of the micro-batches. */
  update(state: MuonClipState, ranks?: UpdateAcrossRanks): void;
  /** Names of a parameter's tensors in `tensors`, less its own name. */
  prefixes(group: OptimizedParameter["group"]): readonly string[];
  tensors(state: MuonClipState): Map<string, Tensor>;
}

/**
 * MuonClip (arXiv 2507.20534 §2.1): Muon for matrices, AdamW for embeddings, head and norms, gradient clipping by global
 * norm, and QK-Clip per head fed by the logits that attention has computed anyway.
 */
export function muonClip(options: MuonClipOptions = {}): MuonClip {
  const { maxGradientNorm = 1, tau = 100 } = options;
  const matrices = muon(options.muon);
  const rest = adamW(options.adamW);
  return {
    init(device, parameters, attention) {
      return {
        muon: matrices.init(
          device,
          parameters.filter(({ group }) => group === "muon"),
        ),
        adamW: rest.init(
          device,
          parameters.filter(({ group }) => group === "adamw"),
        ),
        parameters,
        attention,
        normSquared: persistent(device, [1], "f32", "squared gradient norm"),
        clip: persistent(device, [1], "f32", "clip factor"),
        gradientNorm: persistent(device, [1], "f32", "gradient norm"),
      };
    },
    write(state, scalars) {
      matrices.write(state.muon, scalars);
      rest.write(state.adamW, scalars);
    },
    prefixes: (group) => (group === "muon" ? matrices : rest).prefixes,
    update(state, ranks) {
      const { normSquared, clip, gradientNorm } = state;
      const { device } = clip;
      fill(normSquared, 0);
      const partials = empty(device, [256], "f32", "gradient norm partials");
      for (const { tensor } of state.parameters) {
        if (!tensor.grad || !tensor.gradDefined) continue;
        device.backend.enqueue("sumSquares", {
          x: tensor.grad.buffer,
          partials: partials.buffer,
          y: normSquared.buffer,
          n: tensor.size,
          accumulate: 1,
        });
      }
      ranks?.sumNorms(normSquared);
      device.backend.enqueue("clipFactor", {
        normSquared: normSquared.buffer,
        clip: clip.buffer,
        norm: gradientNorm.buffer,
        gradScale: 1,
        maxNorm: maxGradientNorm,
      });
      matrices.update(state.muon, clip);
      rest.update(state.adamW, clip);
      ranks?.gatherWeights();
      if (tau > 0) qkClip(state.attention, tau);
    },
    tensors: (state) => new Map([...matrices.tensors(state.muon), ...rest.tensors(state.adamW)]),
  };
}
