import { type BufferHandle, type Device, fill, part, persistent, type Tensor } from "@baltoro/tensor";
import type { ClippedAttention, MuonClip, MuonClipState, OptimizedParameter } from "../optimizer/index.ts";
import type { Communicator } from "./communicator.ts";
import { type Piece, planShards, type ShardPlan } from "./shard-plan.ts";

/** A tensor of the optimizer as a checkpoint holds it: whole, however many ranks hold its parts. */
export interface SavedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** The values, on rank 0; the others get an empty array. A collective: every rank calls it for every tensor, in order. */
  values(): Promise<Float32Array>;
  /** Takes what this rank holds from the whole tensor's values. */
  load(values: Float32Array): void;
}

/** An optimizer whose state is divided among the ranks (ZeRO-1, Rajbhandari et al. 2020, arXiv 1910.02054 §5.1). */
export interface ShardedOptimizer {
  /** Of this rank's pieces. */
  readonly state: MuonClipState;
  readonly plan: ShardPlan;
  /**
   * Enqueues one step: gradients are summed to the ranks that hold their state, which update their weights and bring them to all others.
   * Within a scope.
   */
  update(): void;
  readonly saved: readonly SavedTensor[];
}

/** Most elements of the buffer that gradients and weights travel through: 64 MiB. */
const stagingElements = 16 << 20;

/** A copy between a parameter and the staging buffer, in one round. */
interface Copy {
  readonly piece: Piece;
  /** First element within the parameter, and within the staging buffer. */
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

interface Round {
  /** First element of every rank's segment that travels in this round, and how many. */
  readonly start: number;
  readonly count: number;
  readonly copies: readonly Copy[];
}

/**
 * Divides an optimizer among the ranks of a communicator. Gradients (the ranks' sum must be the gradient of the whole batch) are
 * reduce-scattered into a segment of this rank's pieces; the same segment later sends the updated weights. Parameters that are `held`
 * by this rank alone are updated here.
 */
export function shardOptimizer(
  communicator: Communicator,
  optimizer: MuonClip,
  all: readonly OptimizedParameter[],
  attention: readonly ClippedAttention[],
): ShardedOptimizer {
  const { rank, size } = communicator;
  // Experts that live on one rank only stay where they are, and so does their state.
  const parameters = all.filter(({ held }) => !held);
  const resident = all.filter(({ held }) => held);
  const { device } = all[0].tensor;
  const { backend } = device;
  const described = parameters.map(({ name, tensor, group }) => ({ name, shape: tensor.shape, group }));
  const plan = planShards(described, size);
  const roundCount = Math.min(plan.segment, Math.max(16, Math.floor(stagingElements / size / 16) * 16));
  const segment = zeros(device, plan.segment, "gradients of this rank");
  const staging = zeros(device, size * roundCount, "gradients in transit");
  const rounds = travel(plan, roundCount);

  const own = plan.pieces.filter((piece) => piece.rank === rank);
  const pieces = own.map((piece): OptimizedParameter => {
    const { tensor, ...rest } = parameters[piece.parameter];
    const weight = part(tensor, piece.start, piece.shape);
    weight.grad = part(segment, piece.offset, piece.shape, `gradient of ${rest.name}`);
    weight.gradDefined = true;
    return { ...rest, name: pieceName(rest.name, piece), tensor: weight };
  });
  const state = optimizer.init(device, [...pieces, ...resident], attention);

  function copy(src: BufferHandle, srcOffset: number, dst: BufferHandle, dstOffset: number, count: number): void {
    backend.enqueue("copy3d", {
      src,
      dst,
      n0: 1,
      n1: 1,
      n2: count,
      srcOffset,
      src0: 0,
      src1: 0,
      dstOffset,
      dst0: 0,
      dst1: 0,
      accumulate: 0,
    });
  }

  /** Elements start … start + count of this rank's segment. */
  const segmentPart = (start: number, count: number) => backend.slice(segment.buffer, start * 4, count * 4);

  function scatterGradients(): void {
    for (const { start, count, copies } of rounds) {
      for (const { piece, from, to, count: length } of copies) {
        const { name, tensor } = parameters[piece.parameter];
        if (!tensor.grad || !tensor.gradDefined)
          throw new Error(`sharded optimizer: the parameter ${name} has no gradient on rank ${rank}`);
        copy(tensor.grad.buffer, from, staging.buffer, to, length);
      }
      communicator.reduceScatter(staging.buffer, segmentPart(start, count), count);
    }
  }

  function gatherWeights(): void {
    for (const piece of own)
      copy(parameters[piece.parameter].tensor.buffer, piece.start, segment.buffer, piece.offset, piece.size);
    for (const { start, count, copies } of rounds) {
      communicator.allGather(segmentPart(start, count), staging.buffer, count);
      for (const { piece, from, to, count: length } of copies) {
        if (piece.rank !== rank) copy(staging.buffer, to, parameters[piece.parameter].tensor.buffer, from, length);
      }
    }
  }

  /** One state tensor of a parameter: brought to rank 0 piece by piece. */
  function savedTensor(index: number, prefix: string, held: ReadonlyMap<string, Tensor>): SavedTensor {
    const { name, tensor } = parameters[index];
    const parts = plan.pieces.filter(({ parameter }) => parameter === index);
    const heldPart = (piece: Piece) => {
      const found = held.get(prefix + pieceName(name, piece));
      if (!found) throw new Error(`sharded optimizer: rank ${rank} does not hold ${prefix}${pieceName(name, piece)}`);
      return found;
    };
    return {
      name: prefix + name,
      shape: tensor.shape,
      async values() {
        const whole = new Float32Array(rank === 0 ? tensor.size : 0);
        for (const piece of parts) {
          using moved = persistent(device, [piece.size], "f32", "optimizer state in transit");
          if (piece.rank === rank) copy(heldPart(piece).buffer, 0, moved.buffer, 0, piece.size);
          if (piece.rank !== 0) communicator.broadcast(moved.buffer, piece.size, piece.rank);
          if (rank === 0) whole.set(await moved.read(), piece.start);
        }
        return whole;
      },
      load(values) {
        for (const piece of parts)
          if (piece.rank === rank) heldPart(piece).write(values.subarray(piece.start, piece.start + piece.size));
      },
    };
  }

  const held = optimizer.tensors(state);
  return {
    state,
    plan,
    update() {
      scatterGradients();
      optimizer.update(state, {
        sumNorms: (normSquared) => communicator.allReduce(normSquared.buffer, 1, "sum"),
        gatherWeights,
      });
    },
    saved: [
      ...parameters.flatMap(({ group }, index) =>
        optimizer.prefixes(group).map((prefix) => savedTensor(index, prefix, held)),
      ),
      ...resident.flatMap((parameter) =>
        optimizer.prefixes(parameter.group).map((prefix) => savedStack(communicator, parameter, prefix, held)),
      ),
    ],
  };
}

/** The state of a stack of experts, of which every rank holds an equal run. */
function savedStack(
  communicator: Communicator,
  { name, tensor, held }: OptimizedParameter,
  prefix: string,
  tensors: ReadonlyMap<string, Tensor>,
): SavedTensor {
  const state = tensors.get(prefix + name);
  if (!state || !held) throw new Error(`sharded optimizer: there is no ${prefix}${name}`);
  const from = (held.first * tensor.size) / tensor.shape[0];
  return {
    name: prefix + name,
    shape: [held.of, ...tensor.shape.slice(1)],
    values: () => gatherToFirst(communicator, state),
    load: (values) => state.write(values.subarray(from, from + tensor.size)),
  };
}

/** The ranks' tensors of one size behind one another, on rank 0; the others get an empty array. */
export async function gatherToFirst(communicator: Communicator, tensor: Tensor): Promise<Float32Array> {
  const { rank, size } = communicator;
  const whole = new Float32Array(rank === 0 ? size * tensor.size : 0);
  using moved = persistent(tensor.device, [tensor.size], "f32", "a rank's part in transit");
  for (let from = 0; from < size; from++) {
    if (from === rank)
      moved.device.backend.enqueue("axpby", { x: tensor.buffer, y: moved.buffer, n: tensor.size, alpha: 1, beta: 0 });
    if (from > 0) communicator.broadcast(moved.buffer, tensor.size, from);
    if (rank === 0) whole.set(await moved.read(), from * tensor.size);
  }
  return whole;
}

/** The same view of an optimizer that one rank holds whole. */
export function savedTensors(tensors: ReadonlyMap<string, Tensor>): SavedTensor[] {
  return [...tensors].map(([name, tensor]) => ({
    name,
    shape: tensor.shape,
    values: async () => Float32Array.from(await tensor.read()),
    load: (values) => tensor.write(values),
  }));
}

function pieceName(name: string, { start, size }: Piece): string {
  return `${name}[${start}:${start + size}]`;
}

function zeros(device: Device, count: number, label: string): Tensor {
  const tensor = persistent(device, [count], "f32", label);
  fill(tensor, 0);
  return tensor;
}

/** Cuts the segments into rounds of `roundCount` elements, and the pieces with them. Staging holds rank r's part at r · count. */
function travel({ pieces, segment }: ShardPlan, roundCount: number): Round[] {
  const rounds: Round[] = [];
  for (let start = 0; start < segment; start += roundCount) {
    const count = Math.min(roundCount, segment - start);
    const copies = pieces.flatMap((piece): Copy[] => {
      const from = Math.max(piece.offset, start);
      const to = Math.min(piece.offset + piece.size, start + count);
      if (from >= to) return [];
      return [
        {
          piece,
          from: piece.start + from - piece.offset,
          to: piece.rank * count + from - start,
          count: to - from,
        },
      ];
    });
    rounds.push({ start, count, copies });
  }
  return rounds;
}
