import { expertRows, type HeldExperts, type K2Config } from "@baltoro/k2";
import { empty, floatOf, permute, record, sortByExpert, type Tensor, unpermute } from "@baltoro/tensor";
import type { Communicator } from "./communicator.ts";
import { gatherToFirst } from "./sharded-optimizer.ts";

/*
 * Legend: T tokens of a rank, R ranks, D model width, E experts of the model, k experts per token.
 */

/**
 * Divides the routed experts among the ranks, E / R on each. Every rank gets the tokens of all, computes its experts' rows, and the ranks'
 * sums go back to the tokens' owners. Sizes are fixed, as a captured step wants them: at a fixed capacity of T·k rows to each rank, an
 * all-to-all of routed rows would move k times the bytes (docs/decisions/0009-ranks.md).
 *
 * @throws Error where the experts do not divide.
 */
export function expertParallel(communicator: Communicator, config: K2Config): HeldExperts {
  const { rank, size } = communicator;
  if (config.nRoutedExperts % size !== 0)
    throw new Error(`expert parallel: ${config.nRoutedExperts} experts do not divide among ${size} ranks`);
  const count = config.nRoutedExperts / size;
  const first = rank * count;
  return {
    first,
    count,
    gather: (held) => gatherToFirst(communicator, held),
    mix(x, { weights, indices }, experts, _config, activations) {
      const { device } = x;
      const tokens = gatherRows(communicator, x);
      const tokenWeights = gatherRows(communicator, weights);
      const choices = empty(device, [size * indices.shape[0], indices.shape[1]], "i32", "choices of all ranks");
      communicator.allGather(indices.buffer, choices.buffer, indices.size, "i32");
      const order = sortByExpert(choices, config.nRoutedExperts);
      // Rows of the experts here: offsets[first] … offsets[first + count].
      const offsets = empty(device, [count + 1], "i32", "offsets of the experts here");
      device.backend.enqueue("copy3d", {
        src: order.offsets.buffer,
        dst: offsets.buffer,
        n0: 1,
        n1: 1,
        n2: count + 1,
        srcOffset: first,
        src0: 0,
        src1: 0,
        dstOffset: 0,
        dst0: 0,
        dst1: 0,
        accumulate: 0,
      });
      const rows = expertRows(permute(tokens, order), experts, offsets, {
        partial: true,
        ...(activations ? { activations } : {}),
      });
      return sumRows(communicator, unpermute(rows, tokenWeights, order));
    },
  };
}

/** The ranks' rows behind one another: x [T, D] → [R · T, D]. Backward: each rank's rows get the sum of the ranks' gradients. */
function gatherRows(communicator: Communicator, x: Tensor): Tensor {
  const [rows, width] = x.shape;
  const dtype = floatOf(x);
  const y = empty(x.device, [communicator.size * rows, width], dtype, "rows of all ranks");
  communicator.allGather(x.buffer, y.buffer, x.size, dtype);
  record("gatherRows", [x], [y], [], ([dy], [sink]) => {
    if (!dy || !sink) return;
    const dx = empty(x.device, [rows, width], floatOf(dy), "gradient of this rank's rows");
    communicator.reduceScatter(dy.buffer, dx.buffer, dx.size, floatOf(dy));
    sink.add(dx);
  });
  return y;
}

/** Sums of the ranks' values for this rank's rows: x [R · T, D] → [T, D]. Backward: the ranks' gradients behind one another. */
function sumRows(communicator: Communicator, x: Tensor): Tensor {
  const [rows, width] = x.shape;
  const dtype = floatOf(x);
  const y = empty(x.device, [rows / communicator.size, width], dtype, "sums of this rank's rows");
  communicator.reduceScatter(x.buffer, y.buffer, y.size, dtype);
  record("sumRows", [x], [y], [], ([dy], [sink]) => {
    if (!dy || !sink) return;
    const dx = empty(x.device, [rows, width], floatOf(dy), "gradients of all ranks' rows");
    communicator.allGather(dy.buffer, dx.buffer, dy.size, floatOf(dy));
    sink.add(dx);
  });
  return y;
}
