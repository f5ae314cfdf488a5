import { record } from "../autograd.ts";
import { empty, type Tensor } from "../tensor.ts";
import { expectDType, expectRank, expectTensor } from "./check.ts";

/** Options of {@link attention}. */
export interface AttentionOptions {
  /** Document ids i32 [B, S], non-decreasing within a sequence: a query sees its own document only. */
  readonly documents: Tensor;
  /** Factor on q·k, by default 1/√Dqk. */
  readonly scale?: number;
  /** A query sees keys up to its own position (default true). */
  readonly causal?: boolean;
}

/**
 * Softmax attention over packed sequences: q, k [B, S, H, Dqk], v [B, S, H, Dv] → out [B, S, H, Dv] and rowMax [B, H, S],
 * the largest scaled logit that each query sees (QK-Clip takes its maximum per head; K2 report §2.1). rowMax carries no
 * gradient. The matrix of logits never exists (Dao et al. 2022, arXiv 2205.14135).
 */
export function attention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): { out: Tensor; rowMax: Tensor } {
  expectRank("attention", "q", q, 4, "[B, S, H, Dqk]");
  expectRank("attention", `v for q [${q.shape.join(", ")}]`, v, 4, "[B, S, H, Dv]");
  const [batch, sequence, heads, qkDim] = q.shape;
  const vDim = v.shape[3];
  expectTensor("attention", `k for q [${q.shape.join(", ")}]`, k, q.shape, q.dtype);
  expectDType("attention", "q", q, "float");
  expectTensor("attention", `v for q [${q.shape.join(", ")}]`, v, [batch, sequence, heads, vDim], q.dtype);
  expectTensor("attention", `documents for q [${q.shape.join(", ")}]`, options.documents, [batch, sequence], "i32");
  const { device } = q;
  const scale = options.scale ?? 1 / Math.sqrt(qkDim);
  const causal = (options.causal ?? true) ? 1 : 0;
  const sizes = { batch, sequence, heads, qkDim, vDim, scale, causal };
  const out = empty(device, v.shape, q.dtype, "attention");
  const lse = empty(device, [batch, heads, sequence], "f32", "attention lse");
  const rowMax = empty(device, [batch, heads, sequence], "f32", "attention rowMax");
  device.backend.enqueue("attentionForward", {
    q: q.buffer,
    k: k.buffer,
    v: v.buffer,
    documents: options.documents.buffer,
    out: out.buffer,
    lse: lse.buffer,
    rowMax: rowMax.buffer,
    ...sizes,
  });
  const save = [q, k, v, out, lse, options.documents];
  record("attention", [q, k, v], [out], save, ([dout], sinks, [sq, sk, sv, sout, slse, documents]) => {
    if (!dout) return;
    const dq = empty(device, q.shape, q.dtype, "attention dq");
    const dk = empty(device, k.shape, k.dtype, "attention dk");
    const dv = empty(device, v.shape, v.dtype, "attention dv");
    const delta = empty(device, [batch, heads, sequence], "f32", "attention delta");
    device.backend.enqueue("attentionBackward", {
      dout: dout.buffer,
      q: sq.buffer,
      k: sk.buffer,
      v: sv.buffer,
      out: sout.buffer,
      documents: documents.buffer,
      lse: slse.buffer,
      delta: delta.buffer,
      dq: dq.buffer,
      dk: dk.buffer,
      dv: dv.buffer,
      ...sizes,
    });
    sinks[0]?.add(dq);
    sinks[1]?.add(dk);
    sinks[2]?.add(dv);
  });
  return { out, rowMax };
}
