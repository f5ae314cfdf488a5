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

typedef Task<false, KEYS> Queries;
typedef Task<true, QUERIES> KeyRows;

/** dq. grid: multiprocessors. counter: tasks that have been taken, 0. */
extern "C" __global__ void __launch_bounds__(THREADS, 1) attentionBackwardQWgmma(
    const bf16* dout, const bf16* q, const bf16* k, const bf16* v, const int2* ends, int* counter, const float* lse, const float* delta,
    bf16* dq, int batch, int sequence, int heads, float scale, int causal) {
  DYNAMIC_SHARED(shared);
  char* afterTiles = shared + BYTES_ROWS_QK + BYTES_ROWS_V + STAGES_K * BYTES_K + BYTES_V;
  u32 tileQ = sharedAddress(shared), tileD = tileQ + BYTES_ROWS_QK, tileK = tileD + BYTES_ROWS_V, tileV = tileK + STAGES_K * BYTES_K;
  u32 barriers = sharedAddress(afterTiles);
  Tasks tasks = {{barriers, barriers + 16}, (int*)(afterTiles + BYTES_BARRIERS)};
  Ring<1> queries = {barriers + 32, barriers + 40}, values = {barriers + 48, barriers + 56};
  Ring<STAGES_K> keys = {barriers + 64, barriers + 64 + STAGES_K * 8};
  if (threadIdx.x == 0) {
    tasks.ring.start();
    queries.start();
    values.start();
    keys.start();
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
          copyRows<ROWS, V_DIM>(tileD, dout, task.head, task.first);
          copies.commit(queries.full);
        }
        values.waitEmpty(copies, i);
        copyRows<KEYS, V_DIM>(tileV, v, task.head, tile * KEYS);
        copies.commit(values.full);
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
    u32 ownQ = tileQ + rowOfGroup * 128, ownD = tileD + rowOfGroup * 128;
    float rowLse[2], rowDelta[2], x[KEYS / 8][4], acc[QK_DIM / 8][4], factor = scale * LOG2_E;
    u32 weights[KEYS / 16][4];
#pragma unroll
    for (int r = 0; r < 2; r++) {
      i64 stat = task.stats + (rows.row(r) < sequence ? rows.row(r) : sequence - 1);
      rowLse[r] = lse[stat] * LOG2_E;
      rowDelta[r] = delta[stat];
    }
    bool add = false;

    // x: logits, which become weights p, then gradients of p. `weights`: p in bf16, then gradients of logits. Products read these while the
    // next logits are weighed.
    auto weigh = [&](int use) {
      settle(x);
      rows.hide(x, (origin - use) * KEYS);
#pragma unroll
      for (int j = 0; j < KEYS / 8; j++)
#pragma unroll
        for (int c = 0; c < 4; c++) x[j][c] = exp2Fast(x[j][c] * factor - rowLse[c >> 1]);
    };
    auto differentiate = [&](int use) {
      toA(weights, x);
      values.waitFull(use);
      beginRows<V_DIM, KEYS>(x, ownD, tileV);
      wgmmaWait<0>();
      settle(x);
      values.release(use);
#pragma unroll
      for (int j = 0; j < KEYS / 8; j++)
#pragma unroll
        for (int r = 0; r < 2; r++) {
          u32& pair = weights[j / 2][(j & 1) * 2 + r];
          pair = packBf16(lowOf(pair) * (x[j][r * 2] - rowDelta[r]), highOf(pair) * (x[j][r * 2 + 1] - rowDelta[r]));
        }
    };

    queries.waitFull(n);
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
    queries.release(n);
    beginColumns<KEYS, QK_DIM>(acc, weights, tileK + keys.buffer(end) * BYTES_K, add);
    wgmmaWait<0>();
    settle(acc);
    keys.release(end);
    i++;
    skipTo(after);
    storeRows<QK_DIM>(dq, task.head, rows, acc, scale, scale);
  }
}

/** dk and dv. Logits are transposed: rows are keys. grid: multiprocessors. counter: tasks that have been taken, 0. */
extern "C" __global__ void __launch_bounds__(THREADS, 1) attentionBackwardKVWgmma(
    const bf16* dout, const bf16* q, const bf16* k, const bf16* v, const int2* ends, int* counter, const float* lse, const float* delta,
    bf16* dk, bf16* dv, int batch, int sequence, int heads, float scale, int causal) {
  DYNAMIC_SHARED(shared);
  const float* tileStats = (const float*)(shared + BYTES_ROWS_QK + BYTES_ROWS_V + STAGES_Q * (BYTES_Q + BYTES_D));
  char* afterTiles = (char*)tileStats + STAGES_Q * BYTES_STATS;
  u32 tileK = sharedAddress(shared), tileV = tileK + BYTES_ROWS_QK, tileQ = tileV + BYTES_ROWS_V, tileD = tileQ + STAGES_Q * BYTES_Q;
  u32 barriers = sharedAddress(afterTiles);
  Tasks tasks = {{barriers, barriers + 16}, (int*)(afterTiles + BYTES_BARRIERS)};
  Ring<1> keys = {barriers + 32, barriers + 40};
  Ring<STAGES_Q> queries = {barriers + 48, barriers + 48 + STAGES_Q * 8};
  Ring<STAGES_Q> outputs = {barriers + 48 + STAGES_Q * 16, barriers + 48 + STAGES_Q * 24};
  if (threadIdx.x == 0) {
    tasks.ring.start();
    keys.start();
    queries.start();
    outputs.start();
  }
  __syncthreads();

  // i: use of queries and outputs' gradients, from task to task.
  if (threadIdx.x < WARPGROUP) {
    giveRegisters<REGISTERS_COPYING>();
    Copies copies;
    int total = KeyRows::total(batch, sequence, heads);
    for (int n = 0, i = 0;; n++) {
      int number = tasks.give(copies, n, counter, total);
      if (number < 0) break;
      KeyRows task(number, ends, batch, sequence, heads, causal);
      const float* stat = (threadIdx.x < QUERIES ? lse : delta) + task.stats;
      for (int tile = task.tiles.from; tile <= task.tiles.to; tile++, i++) {
        int at = tile * QUERIES + threadIdx.x % QUERIES;
        queries.waitEmpty(copies, i);
        outputs.waitEmpty(copies, i);
        copyRows<QUERIES, QK_DIM>(tileQ + queries.buffer(i) * BYTES_Q, q, task.head, tile * QUERIES);
        // Emptied with the outputs' gradients, filled with the queries.
        u32 stats = sharedAddress(tileStats) + outputs.buffer(i) * BYTES_STATS + threadIdx.x * 4;
        cpAsync4(stats, stat + (at < sequence ? at : 0), at < sequence);
        copies.commit(queries.fullOf(i));
        if (tile == task.tiles.from) {
          keys.waitEmpty(copies, n);
          copyRows<ROWS, QK_DIM>(tileK, k, task.head, task.first);
          copyRows<ROWS, V_DIM>(tileV, v, task.head, task.first);
          copies.commit(keys.full);
        }
        copyRows<QUERIES, V_DIM>(tileD + outputs.buffer(i) * BYTES_D, dout, task.head, tile * QUERIES);
        copies.commit(outputs.fullOf(i));
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
    KeyRows task(number, ends, batch, sequence, heads, causal);
    auto skipTo = [&](int use) {
      for (; i < use; i++) {
        queries.skip(i);
        outputs.skip(i);
      }
    };
    int firstOwn = task.first + rowOfGroup, after = i + task.uses();
    if (firstOwn >= sequence) {
      keys.skip(n);
      skipTo(after);
      continue;
    }
    Range own = task.seenBy(firstOwn, OWN_ROWS);
    Rows rows(afterTiles, task, firstOwn);
    // Tile of a use: use − origin.
    int origin = i - task.tiles.from, end = own.to + origin;
    skipTo(own.from + origin);
    u32 ownK = tileK + rowOfGroup * 128, ownV = tileV + rowOfGroup * 128;
    float x[QUERIES / 8][4], accK[QK_DIM / 8][4], accV[V_DIM / 8][4], factor = scale * LOG2_E;
    u32 weights[QUERIES / 16][4];
    bool add = false;

    // As in the pass for dq, but that lse and delta are of columns.
    auto weigh = [&](int use) {
      settle(x);
      rows.hide(x, (use - origin) * QUERIES);
      const float* columnLse = tileStats + outputs.buffer(use) * (2 * QUERIES) + threadIdx.x % 4 * 2;
#pragma unroll
      for (int j = 0; j < QUERIES / 8; j++) {
        float2 most = *(const float2*)(columnLse + j * 8);
        most.x *= LOG2_E;
        most.y *= LOG2_E;
#pragma unroll
        for (int c = 0; c < 4; c++) x[j][c] = exp2Fast(x[j][c] * factor - (c & 1 ? most.y : most.x));
      }
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

    keys.waitFull(n);
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
    keys.release(n);
    beginColumns<QUERIES, QK_DIM>(accK, weights, tileQ + queries.buffer(end) * BYTES_Q, add);
    wgmmaWait<0>();
    settle(accK);
    settle(accV);
    queries.release(end);
    i++;
    skipTo(after);
    storeRows<QK_DIM>(dk, task.head, rows, accK, scale, scale);
    storeRows<V_DIM>(dv, task.head, rows, accV, 1.0f, 1.0f);
  }
}
