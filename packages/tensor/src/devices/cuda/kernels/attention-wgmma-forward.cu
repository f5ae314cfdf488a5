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

typedef Task<false, KEYS> Queries;

/** grid: multiprocessors. counter: tasks that have been taken, 0. */
extern "C" __global__ void __launch_bounds__(THREADS, 1) attentionForwardWgmma(
    const bf16* q, const bf16* k, const bf16* v, const int2* ends, int* counter, bf16* out, float* lse, float* rowMax, int batch, int sequence,
    int heads, float scale, int causal) {
  DYNAMIC_SHARED(shared);
  char* afterTiles = shared + BYTES_Q + STAGES * (BYTES_K + BYTES_V);
  u32 tileQ = sharedAddress(shared), tileK = tileQ + BYTES_Q, tileV = tileK + STAGES * BYTES_K, barriers = sharedAddress(afterTiles);
  Tasks tasks = {{barriers, barriers + 16}, (int*)(afterTiles + BYTES_BARRIERS)};
  Ring<1> queries = {barriers + 32, barriers + 40};
  Ring<STAGES> keys = {barriers + 48, barriers + 48 + STAGES * 8}, values = {barriers + 48 + STAGES * 16, barriers + 48 + STAGES * 24};
  if (threadIdx.x == 0) {
    tasks.ring.start();
    queries.start();
    keys.start();
    values.start();
  }
  __syncthreads();

  // i: use of keys and values, from task to task. Tiles are taken from the last back.
  if (threadIdx.x < WARPGROUP) {
    giveRegisters<REGISTERS_COPYING>();
    Copies copies;
    int total = Queries::total(batch, sequence, heads);
    for (int n = 0, i = 0;; n++) {
      int number = tasks.give(copies, n, counter, total);
      if (number < 0) break;
      Queries task(number, ends, batch, sequence, heads, causal);
      for (int tile = task.tiles.to; tile >= task.tiles.from; tile--, i++) {
        keys.waitEmpty(copies, i);
        copyRows<KEYS, QK_DIM>(tileK + keys.buffer(i) * BYTES_K, k, task.head, tile * KEYS);
        copies.commit(keys.fullOf(i));
        if (tile == task.tiles.to) {
          queries.waitEmpty(copies, n);
          copyRows<ROWS, QK_DIM>(tileQ, q, task.head, task.first);
          copies.commit(queries.full);
        }
        values.waitEmpty(copies, i);
        copyRows<KEYS, V_DIM>(tileV + values.buffer(i) * BYTES_V, v, task.head, tile * KEYS);
        copies.commit(values.fullOf(i));
      }
    }
    copies.finish();
    return;
  }
  takeRegisters<REGISTERS_MULTIPLYING>();
  int rowOfGroup = (threadIdx.x / WARPGROUP - 1) * OWN_ROWS;
  for (int n = 0, i = 0;; n++) {
    int number = tasks.take(n);
    if (number < 0) break;
    Queries task(number, ends, batch, sequence, heads, causal);
    auto skipTo = [&](int use) {
      for (; i < use; i++) {
        keys.skip(i);
        values.skip(i);
      }
    };
    int firstOwn = task.first + rowOfGroup, after = i + task.uses();
    if (firstOwn >= sequence) {
      queries.skip(n);
      skipTo(after);
      continue;
    }
    Range own = task.seenBy(firstOwn, OWN_ROWS);
    Rows rows(afterTiles, task, firstOwn);
    // Tile of a use: origin − use.
    int origin = i + task.tiles.to, end = origin - own.from;
    skipTo(origin - own.to);
    u32 ownQ = tileQ + rowOfGroup * 128;
    float most[2] = {-INFINITY, -INFINITY}, sum[2] = {0.0f, 0.0f}, shrink[2], s[KEYS / 8][4], acc[V_DIM / 8][4], factor = scale * LOG2_E;
    u32 weights[KEYS / 16][4];

    // Logits to weights, relative to the largest so far: `most`, not scaled yet.
    auto weigh = [&](int use) {
      rows.hide(s, (origin - use) * KEYS);
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

    queries.waitFull(n);
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
    queries.release(n);
    values.waitFull(end);
    beginColumns<KEYS, V_DIM>(acc, weights, tileV + values.buffer(end) * BYTES_V, add);
    wgmmaWait<0>();
    settle(acc);
    values.release(end);
    skipTo(after);

    float share[2];
#pragma unroll
    for (int r = 0; r < 2; r++) {
      float rowTotal = sum[r];
      rowTotal += __shfl_xor_sync(~0u, rowTotal, 1);
      rowTotal += __shfl_xor_sync(~0u, rowTotal, 2);
      share[r] = 1.0f / rowTotal;
      int row = rows.row(r);
      if (threadIdx.x % 4 == 0 && row < sequence) {
        rowMax[task.stats + row] = most[r] * scale;
        lse[task.stats + row] = most[r] * scale + logf(rowTotal);
      }
    }
    storeRows<V_DIM>(out, task.head, rows, acc, share[0], share[1]);
  }
}
