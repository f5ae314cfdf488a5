// Attention forward on warpgroups. attention-mma.cu is the same for other chips and heads, attention.cu the plain version.
// q, k [B, S, H, QK_DIM]; v, out [B, S, H, V_DIM]; ends [B, S] of attention-rows.cu; lse, rowMax f32 [B, H, S]. scale > 0.
//
// While the logits of one tile of keys become weights, the weights of the tile before are multiplied by its values.
#include "attention-wgmma.cuh"

#define KEYS 128  // of a tile
#define STAGES 2
#define BYTES_Q (ROWS * QK_DIM * 2)
#define BYTES_K (KEYS * QK_DIM * 2)
#define BYTES_V (KEYS * V_DIM * 2)

/** grid tiles of ROWS queries · heads · batch. */
extern "C" __global__ void __launch_bounds__(THREADS, 1) attentionForwardWgmma(
    const bf16* q, const bf16* k, const bf16* v, const int2* ends, bf16* out, float* lse, float* rowMax, int batch, int sequence, int heads,
    float scale, int causal) {
  DYNAMIC_SHARED(shared);
  u32 tileQ = sharedAddress(shared), tileK = tileQ + BYTES_Q, tileV = tileK + STAGES * BYTES_K, barriers = tileV + STAGES * BYTES_V;
  Ring<1> queries = {barriers, barriers + 8};
  Ring<STAGES> keys = {barriers + 16, barriers + 16 + STAGES * 8}, values = {barriers + 16 + STAGES * 16, barriers + 16 + STAGES * 24};
  if (threadIdx.x == 0) {
    queries.start();
    keys.start();
    values.start();
  }
  Place place = placeOf((sequence + ROWS - 1) / ROWS, heads, batch, causal);
  Head head = {place.batch * sequence * heads + place.head, heads, sequence};
  ends += (i64)place.batch * sequence;
  int firstQ = place.tile * ROWS, lastQ = firstQ + ROWS < sequence ? firstQ + ROWS - 1 : sequence - 1;
  // Tiles are taken from the last back: use i of the buffers is of tile tiles.to − i.
  Range tiles = tilesOf<false, KEYS>(ends, firstQ, lastQ, causal);
  int uses = tiles.to - tiles.from + 1;
  __syncthreads();

  if (threadIdx.x < WARPGROUP) {
    giveRegisters<REGISTERS_COPYING>();
    Copies copies;
    copyRows<ROWS, QK_DIM>(tileQ, q, head, firstQ);
    copies.commit(queries.full);
    for (int i = 0; i < uses; i++) {
      int first = (tiles.to - i) * KEYS;
      keys.waitEmpty(copies, i);
      copyRows<KEYS, QK_DIM>(tileK + keys.buffer(i) * BYTES_K, k, head, first);
      copies.commit(keys.fullOf(i));
      values.waitEmpty(copies, i);
      copyRows<KEYS, V_DIM>(tileV + values.buffer(i) * BYTES_V, v, head, first);
      copies.commit(values.fullOf(i));
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
    u32 ownQ = tileQ + rowOfGroup * 128;
    float most[2] = {-INFINITY, -INFINITY}, sum[2] = {0.0f, 0.0f}, shrink[2], s[KEYS / 8][4], acc[V_DIM / 8][4], factor = scale * LOG2_E;
    u32 weights[KEYS / 16][4];

    // Logits to weights, relative to the largest so far: `most`, not scaled yet.
    auto weigh = [&](int use) {
      rows.hide(s, -INFINITY, (tiles.to - use) * KEYS);
#pragma unroll
      for (int r = 0; r < 2; r++) {
        float top = most[r];
#pragma unroll
        for (int j = 0; j < KEYS / 8; j++) top = maxNan(top, maxNan(s[j][r * 2], s[j][r * 2 + 1]));
        top = maxNan(top, __shfl_xor_sync(~0u, top, 1));
        top = maxNan(top, __shfl_xor_sync(~0u, top, 2));
        // A row that has seen nothing so far keeps sums of 0.
        float base = top == -INFINITY ? 0.0f : top * factor, rowSum = 0.0f;
        shrink[r] = exp2Fast(most[r] * factor - base);
        most[r] = top;
#pragma unroll
        for (int j = 0; j < KEYS / 8; j++)
#pragma unroll
          for (int c = r * 2; c < r * 2 + 2; c++) {
            s[j][c] = exp2Fast(s[j][c] * factor - base);
            rowSum += s[j][c];
          }
        // Summed over the four lanes of a row at the end.
        sum[r] = sum[r] * shrink[r] + rowSum;
      }
    };

    queries.waitFull(0);
    keys.waitFull(i);
    beginRows<QK_DIM, KEYS>(s, ownQ, tileK + keys.buffer(i) * BYTES_K);
    wgmmaWait<0>();
    settle(s);
    keys.release(i);
    weigh(i);
    toA(weights, s);
    bool add = false;
    for (i++; i <= end; i++) {
      keys.waitFull(i);
      beginRows<QK_DIM, KEYS>(s, ownQ, tileK + keys.buffer(i) * BYTES_K);
      values.waitFull(i - 1);
      beginColumns<KEYS, V_DIM>(acc, weights, tileV + values.buffer(i - 1) * BYTES_V, add);
      add = true;
      wgmmaWait<1>();
      settle(s);
      keys.release(i);
      weigh(i);
      wgmmaWait<0>();
      settle(acc);
      values.release(i - 1);
#pragma unroll
      for (int j = 0; j < V_DIM / 8; j++)
#pragma unroll
        for (int c = 0; c < 4; c++) acc[j][c] *= shrink[c >> 1];
      toA(weights, s);
    }
    values.waitFull(end);
    beginColumns<KEYS, V_DIM>(acc, weights, tileV + values.buffer(end) * BYTES_V, add);
    wgmmaWait<0>();
    settle(acc);
    values.release(end);
    for (; i < uses; i++) {
      keys.skip(i);
      values.skip(i);
    }

    float share[2];
#pragma unroll
    for (int r = 0; r < 2; r++) {
      float total = sum[r];
      total += __shfl_xor_sync(~0u, total, 1);
      total += __shfl_xor_sync(~0u, total, 2);
      share[r] = 1.0f / total;
      int row = rows.row(r);
      if (threadIdx.x % 4 == 0 && row < sequence) {
        i64 stat = ((i64)place.batch * heads + place.head) * sequence + row;
        rowMax[stat] = most[r] * scale;
        lse[stat] = most[r] * scale + logf(total);
      }
    }
    storeOwn<V_DIM>(shared + rowOfGroup * 128, out, head, firstOwn, acc, share[0], share[1]);
  }
}
