import { type Device, empty, fill, formatShape, persistent, scope, type Tensor } from "@baltoro/tensor";
import { type NewtonSchulzVariant, newtonSchulz } from "./newton-schulz.ts";
import type { OptimizedParameter, Optimizer } from "./optimizer.ts";

/** Options of {@link muon}. */
export interface MuonOptions {
  readonly momentum?: number;
  readonly nesterov?: boolean;
  readonly weightDecay?: number;
  /** Which Newton–Schulz iteration. Default "muon". */
  readonly variant?: NewtonSchulzVariant;
  /** Orthogonalize each head of the query and key-value projections on its own. Default false. */
  readonly perHead?: boolean;
}

/** Matrices of one shape, orthogonalized in one batch. */
interface Bucket {
  readonly n: number;
  readonly m: number;
  /** Matrices in the bucket. */
  readonly batch: number;
  readonly members: readonly {
    readonly parameter: OptimizedParameter;
    readonly momentum: Tensor;
    readonly start: number;
  }[];
}

type OpenBucket = { n: number; m: number; batch: number; members: Bucket["members"][number][] };

export interface MuonState {
  readonly buckets: readonly Bucket[];
  /** f32 [4], see the `muonMomentum` kernel. */
  readonly hyper: Tensor | null;
}

/** Most elements that a batch of Newton–Schulz works on at once: its five buffers stay in the hundreds of MiB on a CPU. */
function bucketElements({ backend }: Device): number {
  return Math.max(8 << 20, backend.blockElements / 2);
}

/**
 * Muon as in Moonlight and K2 (arXiv 2502.16982 §2.2, arXiv 2507.20534 Algorithm 1): Nesterov momentum, orthogonalized by
 * Newton–Schulz, scaled by 0.2·√max(n, m) to the RMS of an AdamW update, with decoupled weight decay.
 */
export function muon(options: MuonOptions = {}): Optimizer<MuonState> {
  const { momentum = 0.95, nesterov = true, weightDecay = 0.1, variant = "muon", perHead = false } = options;
  return {
    init(device, parameters) {
      const buckets: OpenBucket[] = [];
      for (const parameter of parameters) {
        const { n, m, count } = matricesOf(parameter, perHead);
        // Parts of a stacked buffer begin at multiples of 64 bytes: matrices of other sizes stay on their own.
        const stackable = (n * m) % 32 === 0;
        const fits = (bucket: OpenBucket) =>
          stackable && bucket.n === n && bucket.m === m && (bucket.batch + count) * n * m <= bucketElements(device);
        let bucket = buckets.find(fits);
        if (!bucket) {
          bucket = { n, m, batch: 0, members: [] };
          buckets.push(bucket);
        }
        const buffer = persistent(device, parameter.tensor.shape, "f32", `momentum of ${parameter.name}`);
        fill(buffer, 0);
        bucket.members.push({ parameter, momentum: buffer, start: bucket.batch * n * m });
        bucket.batch += count;
      }
      return {
        buckets,
        hyper: parameters.length > 0 ? persistent(device, [4], "f32", "Muon scalars") : null,
      };
    },
    write({ hyper }, { learningRate }) {
      hyper?.write([learningRate, weightDecay, momentum, 1]);
    },
    update({ buckets, hyper }, clip) {
      if (!hyper) return;
      const { device } = hyper;
      const { backend } = device;
      for (const { n, m, batch, members } of buckets) {
        scope(device, () => {
          // Newton–Schulz bears bf16: its iteration is contracting, and the result's scale is what counts.
          const stacked = empty(device, [batch, n, m], backend.activations, "muon update");
          const bytes = backend.bytesPerElement[stacked.dtype];
          const part = (tensor: Tensor, start: number, size: number) =>
            backend.slice(tensor.buffer, start * bytes, size * bytes, tensor.dtype);
          for (const { parameter, momentum: buffer, start } of members) {
            const { grad, size } = parameter.tensor;
            if (!grad || !parameter.tensor.gradDefined)
              throw new Error(`muon: the parameter ${parameter.name} has no gradient`);
            backend.enqueue("muonMomentum", {
              g: grad.buffer,
              momentum: buffer.buffer,
              out: part(stacked, start, size),
              hyper: hyper.buffer,
              clip: clip.buffer,
              n: size,
              nesterov: nesterov ? 1 : 0,
            });
          }
          const orthogonal = newtonSchulz(stacked, variant);
          const scale = 0.2 * Math.sqrt(Math.max(n, m));
          for (const { parameter, start } of members) {
            const { buffer, size } = parameter.tensor;
            backend.enqueue("muonUpdate", {
              w: buffer,
              o: part(orthogonal, start, size),
              hyper: hyper.buffer,
              n: size,
              scale,
            });
          }
        });
      }
    },
    prefixes: ["muon.momentum."],
    tensors({ buckets }) {
      return new Map(
        buckets.flatMap(({ members }) =>
          members.map(({ parameter, momentum: buffer }) => [`muon.momentum.${parameter.name}`, buffer] as const),
        ),
      );
    },
  };
}

function matricesOf(
  { name, tensor, heads }: OptimizedParameter,
  perHead: boolean,
): { n: number; m: number; count: number } {
  const { shape } = tensor;
  if (shape.length !== 2 && shape.length !== 3) {
    throw new Error(
      `muon: ${name} has shape ${formatShape(shape)}, expected a matrix [n, m] or a batch [E, n, m]; give it to AdamW`,
    );
  }
  const [n, m] = shape.slice(-2);
  if (perHead && heads && shape.length === 2) {
    if (n % heads !== 0)
      throw new Error(`muon: ${name} ${formatShape(shape)} has rows that do not divide among ${heads} heads`);
    return { n: n / heads, m, count: heads };
  }
  return { n, m, count: shape.length === 3 ? shape[0] : 1 };
}
