import { record } from "../autograd.ts";
import type { BufferHandle } from "../backend.ts";
import { empty, type Tensor } from "../tensor.ts";
import { asRows, expectDType, expectTensor } from "./check.ts";

/** Options of the cross-entropy operations. */
export interface CrossEntropyOptions {
  /** Rows with this target count neither in the loss nor in the mean (default −1). */
  readonly ignore?: number;
  /** Adds zLoss · lse² to every row's loss, which keeps logits from drifting (Chowdhery et al. 2022, §5). Default 0. */
  readonly zLoss?: number;
}

/**
 * Mean softmax cross-entropy of logits [..., V] against targets i32 [...]: a scalar. If all targets are ignored the
 * loss is 0. Without `zLoss` the gradient of a row is (softmax − onehot) / count.
 */
export function crossEntropy(logits: Tensor, targets: Tensor, options: CrossEntropyOptions = {}): Tensor {
  const { rows, width: vocab } = asRows(logits);
  const { ignore = -1, zLoss = 0 } = options;
  const { device } = logits;
  const { backend } = device;
  expectTensor(
    "crossEntropy",
    `targets for logits [${logits.shape.join(", ")}]`,
    targets,
    logits.shape.slice(0, -1),
    "i32",
  );
  const { inverse } = countTargets(targets, ignore);
  const wanted = logits.requiresGrad && device.tape.enabled;
  const dlogits = wanted ? empty(device, logits.shape, "f32", "crossEntropy dlogits") : null;
  const loss = empty(device, [rows], "f32", "crossEntropy loss");
  backend.enqueue("crossEntropy", {
    x: logits.buffer,
    targets: targets.buffer,
    loss: loss.buffer,
    dx: dlogits?.buffer ?? null,
    rows,
    vocab,
    ignore,
    zLoss,
  });
  const mean = meanOfRows(loss, inverse);
  if (!dlogits) return mean;
  record("crossEntropy", [logits], [mean], [dlogits, inverse], ([dmean], [sink], [savedDlogits, savedInverse]) => {
    if (!dmean || !sink) return;
    const { out, accumulate } = sink.target();
    scaleByProduct(savedDlogits, dmean, savedInverse, out, accumulate);
  });
  return mean;
}

/**
 * crossEntropy(hidden · weightᵀ, targets) without the whole matrix of logits: hidden [..., D], weight [V, D], targets
 * i32 [...] → scalar. Blocks of rows of logits are made, turned into their gradient in place and used up at once, so
 * each logit is computed once, and the block is small enough for the cache at any vocabulary.
 */
export function linearCrossEntropy(
  hidden: Tensor,
  weight: Tensor,
  targets: Tensor,
  options: CrossEntropyOptions = {},
): Tensor {
  const { rows, width: dim } = asRows(hidden);
  const { ignore = -1, zLoss = 0 } = options;
  const vocab = weight.shape[0];
  const { device } = hidden;
  const { backend, tape } = device;
  const of = `for hidden [${hidden.shape.join(", ")}]`;
  expectDType("linearCrossEntropy", "hidden", hidden, "float");
  expectTensor("linearCrossEntropy", `weight ${of}`, weight, [vocab, dim], "float");
  expectTensor("linearCrossEntropy", `targets ${of}`, targets, hidden.shape.slice(0, -1), "i32");
  const { inverse } = countTargets(targets, ignore);
  const loss = empty(device, [rows], "f32", "linearCrossEntropy loss");
  const wantHidden = tape.enabled && hidden.requiresGrad;
  const wantWeight = tape.enabled && weight.requiresGrad;
  const dhidden = wantHidden ? empty(device, hidden.shape, hidden.dtype, "linearCrossEntropy dhidden") : null;
  const dweight = wantWeight ? empty(device, weight.shape, "f32", "linearCrossEntropy dweight") : null;
  // Blocks of 16 rows keep every slice of the targets at a multiple of 64 bytes.
  const blockRows = Math.min(rows, Math.max(16, Math.floor(backend.blockElements / Math.max(vocab, 1) / 16) * 16));
  const logits = empty(device, [Math.max(blockRows, 1), vocab], "f32", "linearCrossEntropy logits");
  // Gradients of logits go into products at once: in the type that those are computed in.
  const dlogits =
    hidden.dtype === "f32" || !(wantHidden || wantWeight)
      ? logits
      : empty(device, logits.shape, hidden.dtype, "linearCrossEntropy dlogits");
  const slice = (tensor: Tensor, row: number, count: number, width: number) =>
    count === rows ? tensor.buffer : partOf(tensor, row * width, count * width);
  for (let row = 0; row < rows; row += blockRows) {
    const m = Math.min(blockRows, rows - row);
    const x = slice(hidden, row, m, dim);
    const shared = { batch: 1, strideA: 0, strideB: 0, strideC: 0, strideD: 0, alpha: 1, symmetric: 0, bias: null };
    backend.enqueue("gemm", {
      ...shared,
      a: x,
      b: weight.buffer,
      c: null,
      d: logits.buffer,
      m,
      n: vocab,
      k: dim,
      lda: dim,
      ldb: dim,
      ldc: vocab,
      ldd: vocab,
      transposeA: 0,
      transposeB: 1,
      beta: 0,
    });
    backend.enqueue("crossEntropy", {
      x: logits.buffer,
      targets: slice(targets, row, m, 1),
      loss: slice(loss, row, m, 1),
      dx: wantHidden || wantWeight ? dlogits.buffer : null,
      rows: m,
      vocab,
      ignore,
      zLoss,
    });
    if (dhidden) {
      backend.enqueue("gemm", {
        ...shared,
        a: dlogits.buffer,
        b: weight.buffer,
        c: null,
        d: slice(dhidden, row, m, dim),
        m,
        n: dim,
        k: vocab,
        lda: vocab,
        ldb: dim,
        ldc: dim,
        ldd: dim,
        transposeA: 0,
        transposeB: 0,
        beta: 0,
      });
    }
    if (dweight) {
      const beta = row > 0 ? 1 : 0;
      backend.enqueue("gemm", {
        ...shared,
        a: dlogits.buffer,
        b: x,
        c: beta ? dweight.buffer : null,
        d: dweight.buffer,
        m: vocab,
        n: dim,
        k: m,
        lda: vocab,
        ldb: dim,
        ldc: dim,
        ldd: dim,
        transposeA: 1,
        transposeB: 0,
        beta,
      });
    }
  }
  const mean = meanOfRows(loss, inverse);
  const save = [inverse, dhidden, dweight].filter((tensor) => tensor !== null);
  record("linearCrossEntropy", [hidden, weight], [mean], save, ([dmean], [sinkHidden, sinkWeight], saved) => {
    if (!dmean) return;
    const gradients = saved.slice(1);
    if (sinkHidden && wantHidden) {
      const { out, accumulate } = sinkHidden.target();
      scaleByProduct(gradients[0], dmean, saved[0], out, accumulate);
    }
    if (sinkWeight && wantWeight) {
      const { out, accumulate } = sinkWeight.target();
      scaleByProduct(gradients[gradients.length - 1], dmean, saved[0], out, accumulate);
    }
  });
  return mean;
}

/** Elements first … first + count of a tensor. */
function partOf({ device: { backend }, buffer, dtype }: Tensor, first: number, count: number): BufferHandle {
  const bytes = backend.bytesPerElement[dtype];
  return backend.slice(buffer, first * bytes, count * bytes, dtype);
}

/** Number of targets that count, and one over it, as device scalars. */
function countTargets(targets: Tensor, ignore: number): { count: Tensor; inverse: Tensor } {
  const { device } = targets;
  const count = empty(device, [], "f32", "target count");
  const inverse = empty(device, [], "f32", "inverse target count");
  device.backend.enqueue("countTargets", {
    targets: targets.buffer,
    count: count.buffer,
    inverse: inverse.buffer,
    n: targets.size,
    ignore,
  });
  return { count, inverse };
}

function meanOfRows(loss: Tensor, inverse: Tensor): Tensor {
  const { device } = loss;
  const mean = empty(device, [], "f32", "mean loss");
  const { backend } = device;
  backend.enqueue("reduce", {
    x: loss.buffer,
    y: mean.buffer,
    outer: 1,
    axis: loss.size,
    inner: 1,
    op: 0,
    accumulate: 0,
  });
  backend.enqueue("scaleByScalar", {
    x: mean.buffer,
    scalar: inverse.buffer,
    y: mean.buffer,
    n: 1,
    alpha: 1,
    accumulate: 0,
  });
  return mean;
}

/** out (+)= x · a · b with device scalars a and b. */
function scaleByProduct(x: Tensor, a: Tensor, b: Tensor, out: Tensor, accumulate: 0 | 1): void {
  const { device } = x;
  const factor = empty(device, [], "f32", "gradient factor");
  device.backend.enqueue("scaleByScalar", {
    x: a.buffer,
    scalar: b.buffer,
    y: factor.buffer,
    n: 1,
    alpha: 1,
    accumulate: 0,
  });
  device.backend.enqueue("scaleByScalar", {
    x: x.buffer,
    scalar: factor.buffer,
    y: out.buffer,
    n: x.size,
    alpha: 1,
    accumulate,
  });
}
