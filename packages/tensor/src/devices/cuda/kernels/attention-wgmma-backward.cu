// Gradients of attention on warpgroups. attention-mma.cu is the same for other chips and heads, attention.cu the plain version.
// q, k, dq, dk [B, S, H, QK_DIM]; v, dout, dv [B, S, H, V_DIM]; ends [B, S] and delta of attention-rows.cu; lse, delta f32 [B, H, S].
//
// dq in one pass over the keys, dk and dv in another over the queries: no sum depends on the order of blocks. Weights and their gradients
// go from registers to the next product, since rows of logits are rows of what is summed in both passes.
#include "attention-wgmma.cuh"

#define KEYS 128    // of a tile, where queries are the rows
#define QUERIES 64  // where keys are
#define STAGES_K 2
#define STAGES_Q 3
#define BYTES_ROWS_QK (ROWS * QK_DIM * 2)
#define BYTES_ROWS_V (ROWS * V_DIM * 2)
#define BYTES_K (KEYS * QK_DIM * 2)
#define BYTES_V (KEYS * V_DIM * 2)
#define BYTES_Q (QUERIES * QK_DIM * 2)
#define BYTES_D (QUERIES * V_DIM * 2)
#define BYTES_STATS (QUERIES * 2 * 4)

/** dq: grid tiles of ROWS queries · heads · batch. */
extern "C" __global__ void __launch_bounds__(THREADS, 1) attentionBackwardQWgmma(
    const bf16* dout, const bf16* q, const bf16* k, const bf16* v, const int2* ends, const float* lse, const float* delta, bf16* dq, int batch,
    int sequence, int heads, float scale, int causal) {
  DYNAMIC_SHARED(shared);
  u32 tileQ = sharedAddress(shared), tileD = tileQ + BYTES_ROWS_QK, tileK = tileD + BYTES_ROWS_V, tileV = tileK + STAGES_K * BYTES_K;
  u32 barriers = tileV + BYTES_V;
  Ring<1> queries = {barriers, barriers + 8}, values = {barriers + 16, barriers + 24};
  Ring<STAGES_K> keys = {barriers + 32, barriers + 32 + STAGES_K * 8};
  if (threadIdx.x == 0) {
    queries.start();
    values.start();
    keys.start();
  }
  Place place = placeOf((sequence + ROWS - 1) / ROWS, heads, batch, causal);
  Head head = {place.batch * sequence * heads + place.head, heads, sequence};
  ends += (i64)place.batch * sequence;
  int firstQ = place.tile * ROWS, lastQ = firstQ + ROWS < sequence ? firstQ + ROWS - 1 : sequence - 1;
  // Use i of the buffers is of tile tiles.to − i.
  Range tiles = tilesOf<false, KEYS>(ends, firstQ, lastQ, causal);
  int uses = tiles.to - tiles.from + 1;
  __syncthreads();

  if (threadIdx.x < WARPGROUP) {
    giveRegisters<REGISTERS_COPYING>();
    Copies copies;
    copyRows<ROWS, QK_DIM>(tileQ, q, head, firstQ);
    copyRows<ROWS, V_DIM>(tileD, dout, head, firstQ);
    copies.commit(queries.full);
    for (int i = 0; i < uses; i++) {
      int first = (tiles.to - i) * KEYS;
      keys.waitEmpty(copies, i);
      copyRows<KEYS, QK_DIM>(tileK + keys.buffer(i) * BYTES_K, k, head, first);
      copies.commit(keys.fullOf(i));
      values.waitEmpty(copies, i);
      copyRows<KEYS, V_DIM>(tileV, v, head, first);
      copies.commit(values.full);
    }
    copies.finish();
  } else {
    takeRegisters<REGISTERS_MULTIPLYING>();
    int rowOfGroup = (threadIdx.x / WARPGROUP - 1) * OWN_ROWS, firstOwn = firstQ + rowOfGroup;
    if (firstOwn >= sequence) {
      for (int i = 0; i < uses; i++) {
        keys.skip(i);
        values.skip(i);
      }
      return;
    }
    int lastOwn = firstOwn + OWN_ROWS < sequence ? firstOwn + OWN_ROWS - 1 : sequence - 1;
    Range own = tilesOf<false, KEYS>(ends, firstOwn, lastOwn, causal);
    Rows<false> rows(ends, firstOwn, sequence, causal);
    int i = 0, end = tiles.to - own.from;
    for (; i < tiles.to - own.to; i++) {
      keys.skip(i);
      values.skip(i);
    }
    u32 ownQ = tileQ + rowOfGroup * 128, ownD = tileD + rowOfGroup * 128;
    i64 stats = ((i64)place.batch * heads + place.head) * sequence;
    float rowLse[2], rowDelta[2], x[KEYS / 8][4], acc[QK_DIM / 8][4], factor = scale * LOG2_E;
    u32 p[KEYS / 16][4], weights[KEYS / 16][4];
#pragma unroll
    for (int r = 0; r < 2; r++) {
      i64 stat = stats + rows.known(rows.row(r));
      rowLse[r] = lse[stat] * LOG2_E;
      rowDelta[r] = delta[stat];
    }
    bool add = false;

    // x, logits of this use's tile, become p; later x, gradients of p, become weights, gradients of logits.
    auto weigh = [&](int use) {
      settle(x);
#pragma unroll
      for (int j = 0; j < KEYS / 8; j++)
#pragma unroll
        for (int c = 0; c < 4; c++) x[j][c] = exp2Fast(x[j][c] * factor - rowLse[c >> 1]);
      rows.hide(x, 0.0f, (tiles.to - use) * KEYS);
      toA(p, x);
    };
    auto differentiate = [&](int use) {
      values.waitFull(use);
      beginRows<V_DIM, KEYS>(x, ownD, tileV);
      wgmmaWait<0>();
      settle(x);
      values.release(use);
#pragma unroll
      for (int j = 0; j < KEYS / 8; j++)
#pragma unroll
        for (int r = 0; r < 2; r++) {
          u32 pair = p[j / 2][(j & 1) * 2 + r];
          weights[j / 2][(j & 1) * 2 + r] =
              packBf16(lowOf(pair) * (x[j][r * 2] - rowDelta[r]), highOf(pair) * (x[j][r * 2 + 1] - rowDelta[r]));
        }
    };

    queries.waitFull(0);
    keys.waitFull(i);
    beginRows<QK_DIM, KEYS>(x, ownQ, tileK + keys.buffer(i) * BYTES_K);
    wgmmaWait<0>();
    weigh(i);
    for (; i < end; i++) {
      differentiate(i);
      keys.waitFull(i + 1);
      beginRows<QK_DIM, KEYS>(x, ownQ, tileK + keys.buffer(i + 1) * BYTES_K);
      beginColumns<KEYS, QK_DIM>(acc, weights, tileK + keys.buffer(i) * BYTES_K, add);
      add = true;
      wgmmaWait<1>();
      weigh(i + 1);
      wgmmaWait<0>();
      keys.release(i);
    }
    differentiate(end);
    beginColumns<KEYS, QK_DIM>(acc, weights, tileK + keys.buffer(end) * BYTES_K, add);
    wgmmaWait<0>();
    settle(acc);
    keys.release(end);
    for (i++; i < uses; i++) {
      keys.skip(i);
      values.skip(i);
    }
    storeOwn<QK_DIM>(shared + rowOfGroup * 128, dq, head, firstOwn, acc, scale, scale);
  }
}

/** dk and dv: grid tiles of ROWS keys · heads · batch. Logits are transposed: rows are keys. */
extern "C" __global__ void __launch_bounds__(THREADS, 1) attentionBackwardKVWgmma(
    const bf16* dout, const bf16* q, const bf16* k, const bf16* v, const int2* ends, const float* lse, const float* delta, bf16* dk, bf16* dv,
    int batch, int sequence, int heads, float scale, int causal) {
  DYNAMIC_SHARED(shared);
  u32 tileK = sharedAddress(shared), tileV = tileK + BYTES_ROWS_QK, tileQ = tileV + BYTES_ROWS_V, tileD = tileQ + STAGES_Q * BYTES_Q;
  u32 barriers = tileD + STAGES_Q * (BYTES_D + BYTES_STATS);
  const float* tileStats = (const float*)(shared + (tileD - tileK) + STAGES_Q * BYTES_D);
  Ring<1> keys = {barriers, barriers + 8};
  Ring<STAGES_Q> queries = {barriers + 16, barriers + 16 + STAGES_Q * 8};
  Ring<STAGES_Q> outputs = {barriers + 16 + STAGES_Q * 16, barriers + 16 + STAGES_Q * 24};
  if (threadIdx.x == 0) {
    keys.start();
    queries.start();
    outputs.start();
  }
  Place place = placeOf((sequence + ROWS - 1) / ROWS, heads, batch, false);
  Head head = {place.batch * sequence * heads + place.head, heads, sequence};
  ends += (i64)place.batch * sequence;
  int firstK = place.tile * ROWS, lastK = firstK + ROWS < sequence ? firstK + ROWS - 1 : sequence - 1;
  // Use i of the buffers is of tile tiles.from + i.
  Range tiles = tilesOf<true, QUERIES>(ends, firstK, lastK, causal);
  int uses = tiles.to - tiles.from + 1;
  __syncthreads();

  if (threadIdx.x < WARPGROUP) {
    giveRegisters<REGISTERS_COPYING>();
    Copies copies;
    i64 stats = ((i64)place.batch * heads + place.head) * sequence;
    const float* stat = (threadIdx.x < QUERIES ? lse : delta) + stats;
    copyRows<ROWS, QK_DIM>(tileK, k, head, firstK);
    copyRows<ROWS, V_DIM>(tileV, v, head, firstK);
    copies.commit(keys.full);
    for (int i = 0; i < uses; i++) {
      int first = (tiles.from + i) * QUERIES, at = first + threadIdx.x % QUERIES;
      queries.waitEmpty(copies, i);
      copyRows<QUERIES, QK_DIM>(tileQ + queries.buffer(i) * BYTES_Q, q, head, first);
      // With the queries, emptied with the outputs' gradients: their buffer was emptied before.
      outputs.waitEmpty(copies, i);
      cpAsync4(sharedAddress(tileStats) + outputs.buffer(i) * BYTES_STATS + threadIdx.x * 4, stat + (at < sequence ? at : 0), at < sequence);
      copies.commit(queries.fullOf(i));
      copyRows<QUERIES, V_DIM>(tileD + outputs.buffer(i) * BYTES_D, dout, head, first);
      copies.commit(outputs.fullOf(i));
    }
    copies.finish();
  } else {
    takeRegisters<REGISTERS_MULTIPLYING>();
    int rowOfGroup = (threadIdx.x / WARPGROUP - 1) * OWN_ROWS, firstOwn = firstK + rowOfGroup;
    if (firstOwn >= sequence) {
      for (int i = 0; i < uses; i++) {
        queries.skip(i);
        outputs.skip(i);
      }
      return;
    }
    int lastOwn = firstOwn + OWN_ROWS < sequence ? firstOwn + OWN_ROWS - 1 : sequence - 1;
    Range own = tilesOf<true, QUERIES>(ends, firstOwn, lastOwn, causal);
    Rows<true> rows(ends, firstOwn, sequence, causal);
    int i = 0, end = own.to - tiles.from;
    for (; i < own.from - tiles.from; i++) {
      queries.skip(i);
      outputs.skip(i);
    }
    u32 ownK = tileK + rowOfGroup * 128, ownV = tileV + rowOfGroup * 128;
    float x[QUERIES / 8][4], accK[QK_DIM / 8][4], accV[V_DIM / 8][4], factor = scale * LOG2_E;
    u32 weights[QUERIES / 16][4];
    bool add = false;

    // As in the pass for dq, but that lse and delta are of columns, and that there are registers for one of p and gradients of logits alone.
    auto weigh = [&](int use) {
      settle(x);
      const float* columnLse = tileStats + outputs.buffer(use) * (2 * QUERIES) + threadIdx.x % 4 * 2;
#pragma unroll
      for (int j = 0; j < QUERIES / 8; j++) {
        float2 most = *(const float2*)(columnLse + j * 8);
        most.x *= LOG2_E;
        most.y *= LOG2_E;
#pragma unroll
        for (int c = 0; c < 4; c++) x[j][c] = exp2Fast(x[j][c] * factor - (c & 1 ? most.y : most.x));
      }
      rows.hide(x, 0.0f, (tiles.from + use) * QUERIES);
    };
    auto differentiate = [&](int use) {
      toA(weights, x);
      outputs.waitFull(use);
      u32 buffer = tileD + outputs.buffer(use) * BYTES_D;
      beginRows<V_DIM, QUERIES>(x, ownV, buffer);
      beginColumns<QUERIES, V_DIM>(accV, weights, buffer, add);
      const float* columnDelta = tileStats + outputs.buffer(use) * (2 * QUERIES) + QUERIES + threadIdx.x % 4 * 2;
      wgmmaWait<0>();
      settle(x);
#pragma unroll
      for (int j = 0; j < QUERIES / 8; j++) {
        float2 mean = *(const float2*)(columnDelta + j * 8);
#pragma unroll
        for (int r = 0; r < 2; r++) {
          u32& pair = weights[j / 2][(j & 1) * 2 + r];
          pair = packBf16(lowOf(pair) * (x[j][r * 2] - mean.x), highOf(pair) * (x[j][r * 2 + 1] - mean.y));
        }
      }
      // The columns' lse and delta are read no more either.
      outputs.release(use);
    };

    keys.waitFull(0);
    queries.waitFull(i);
    beginRows<QK_DIM, QUERIES>(x, ownK, tileQ + queries.buffer(i) * BYTES_Q);
    wgmmaWait<0>();
    weigh(i);
    for (; i < end; i++) {
      differentiate(i);
      queries.waitFull(i + 1);
      beginRows<QK_DIM, QUERIES>(x, ownK, tileQ + queries.buffer(i + 1) * BYTES_Q);
      beginColumns<QUERIES, QK_DIM>(accK, weights, tileQ + queries.buffer(i) * BYTES_Q, add);
      add = true;
      wgmmaWait<1>();
      weigh(i + 1);
      wgmmaWait<0>();
      queries.release(i);
    }
    differentiate(end);
    beginColumns<QUERIES, QK_DIM>(accK, weights, tileQ + queries.buffer(end) * BYTES_Q, add);
    wgmmaWait<0>();
    settle(accK);
    settle(accV);
    queries.release(end);
    for (i++; i < uses; i++) {
      queries.skip(i);
      outputs.skip(i);
    }
    storeOwn<QK_DIM>(shared + rowOfGroup * 128, dk, head, firstOwn, accK, scale, scale);
    storeOwn<V_DIM>(shared + BYTES_ROWS_QK + rowOfGroup * 128, dv, head, firstOwn, accV, 1.0f, 1.0f);
  }
}
