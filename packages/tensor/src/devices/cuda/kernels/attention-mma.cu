// Attention on tensor cores, bf16 in and out, sums in f32: FlashAttention-2 (Dao, 2023) with documents and maxima of logits.
// attention.cu is the plain version. Compiled for one pair of head sizes: QK_DIM and V_DIM, multiples of 16 up to 256.
// q, k, dq, dk [B, S, H, QK_DIM]; v, out, dout, dv [B, S, H, V_DIM]; documents i32 [B, S]; lse, rowMax, delta f32 [B, H, S].
//
// A warp owns 16 rows (queries, in the pass over queries that makes dk and dv: keys) and its sums stay in registers; the other side comes
// by in tiles through shared memory. Logits leave mma in the layout of C, which is the layout of A for the next product.
// Rows in shared memory lie DIM + 8 apart, an odd number of 16 bytes, so that the 8 rows of a matrix are in different banks.
#include "mma.cuh"
#include "attention.cuh"

#ifndef FORWARD_WARPS
#define FORWARD_WARPS 4   // 16 · FORWARD_PARTS queries each
#define FORWARD_PARTS 2
#define FORWARD_KEYS 64   // keys of a tile
#define FORWARD_BLOCKS 2  // of a multiprocessor
#endif
#ifndef QUERY_WARPS
#define QUERY_WARPS 8     // dq: 16 queries each
#define QUERY_KEYS 64
#define QUERY_BLOCKS 1
#endif
#ifndef KEY_WARPS
#define KEY_WARPS 8       // dk, dv: 16 keys each
#define KEY_QUERIES 32    // queries of a tile
#define KEY_BLOCKS 1
#endif
#define PITCH_K (QK_DIM + 8)
#define PITCH_V (V_DIM + 8)
/** Positions first … first + ROWS − 1 of x on their way to shared memory, zeros beyond the sequence. */
template <int ROWS, int DIM, int THREADS>
__device__ __forceinline__ void loadRows(u32 tile, const bf16* x, Head head, int first) {
  // ACROSS threads share a row, so that a thread's columns and the distance of its rows are constants.
  constexpr int CHUNKS = DIM / 8, ACROSS = CHUNKS % 8 == 0 ? 8 : CHUNKS % 4 == 0 ? 4 : 2, DOWN = THREADS / ACROSS;
  int r = threadIdx.x / ACROSS, c = threadIdx.x % ACROSS * 8;
  x += (i64)(head.row + (first + r) * head.stride) * DIM + c;
  tile += (r * (DIM + 8) + c) * 2;
#pragma unroll
  for (int i = 0; i < (ROWS + DOWN - 1) / DOWN; i++) {
    if (ROWS % DOWN != 0 && r + i * DOWN >= ROWS) break;
#pragma unroll
    for (int j = 0; j < CHUNKS / ACROSS; j++)
      cpAsync16(tile + (i * DOWN * (DIM + 8) + j * ACROSS * 8) * 2, x + (i64)i * DOWN * head.stride * DIM + j * ACROSS * 8,
                first + r + i * DOWN < head.sequence);
  }
}
/** The same of one word a row. */
template <int ROWS, int THREADS>
__device__ __forceinline__ void loadWords(u32 tile, const void* x, int first, int sequence) {
  for (int at = threadIdx.x; at < ROWS; at += THREADS) {
    bool valid = first + at < sequence;
    cpAsync4(tile + at * 4, (const u32*)x + (valid ? first + at : 0), valid);
  }
}

/**
 * A tile of rows (of the whole block) kept in shared memory at `tile`, as bf16, to memory: rows beyond the sequence are left out.
 * `acc` are the fragments of this thread's warp, whose rows start at `row`, DIM / 8 of them. Barriers before and after.
 */
template <int DIM, int PARTS, int ROWS, int THREADS>
__device__ __forceinline__ void storeRows(
    char* tile, bf16* y, Head head, int first, int row, const float (&acc)[PARTS][DIM / 8][4], const float (&factor)[PARTS][2]) {
  int lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
  __syncthreads();
#pragma unroll
  for (int part = 0; part < PARTS; part++)
#pragma unroll
    for (int j = 0; j < DIM / 8; j++)
#pragma unroll
      for (int i = 0; i < 2; i++) {
        u32* to = (u32*)tile + ((row + part * 16 + g + i * 8) * (DIM + 8) + j * 8 + t * 2) / 2;
        *to = packBf16(acc[part][j][i * 2] * factor[part][i], acc[part][j][i * 2 + 1] * factor[part][i]);
      }
  __syncthreads();
  constexpr int chunks = DIM / 8;
  for (int at = threadIdx.x; at < ROWS * chunks; at += THREADS) {
    int r = at / chunks, c = (at - r * chunks) * 8, s = first + r;
    if (s < head.sequence) *(uint4*)(y + (i64)(head.row + s * head.stride) * DIM + c) = *(const uint4*)(tile + (r * (DIM + 8) + c) * 2);
  }
}

/**
 * The tiles of the other side that rows first … last may see: from[0] ≤ tile < to[1] in `range` (shared memory). Document ids do not
 * decrease, so that they are contiguous. `low` and `high`: first and one past the last row of the other side that causality leaves.
 */
template <int ROWS>
__device__ __forceinline__ void findTiles(int* range, const int* ids, int sequence, int first, int last, int low, int high) {
  if (threadIdx.x < 2) range[threadIdx.x] = threadIdx.x == 0 ? 0x7fffffff : 0;
  __syncthreads();
  int idLow = ids[first], idHigh = ids[last];
  for (int tile = low / ROWS + threadIdx.x; tile * ROWS < high; tile += blockDim.x) {
    int end = tile * ROWS + ROWS < sequence ? tile * ROWS + ROWS : sequence;
    if (ids[end - 1] >= idLow && ids[tile * ROWS] <= idHigh) {
      atomicMin(range, tile);
      atomicMax(range + 1, tile + 1);
    }
  }
  __syncthreads();
}

/** S (+)= A · Bᵀ: A the PARTS · 16 rows at `a`, B the COUNT rows at `b`, both DIM long and DIM + 8 apart; addresses are the lane's own. */
template <int PARTS, int COUNT, int DIM>
__device__ __forceinline__ void multiplyRows(float (&s)[PARTS][COUNT / 8][4], u32 a, u32 b) {
#pragma unroll
  for (int d = 0; d < DIM / 16; d++) {
    u32 fragmentA[PARTS][4];
#pragma unroll
    for (int part = 0; part < PARTS; part++) ldmatrix(fragmentA[part], a + (part * 16 * (DIM + 8) + d * 16) * 2);
#pragma unroll
    for (int j = 0; j < COUNT / 16; j++) {
      u32 fragmentB[4];
      ldmatrix(fragmentB, b + (j * 16 * (DIM + 8) + d * 16) * 2);
#pragma unroll
      for (int part = 0; part < PARTS; part++) {
        mma(s[part][2 * j], fragmentA[part], fragmentB[0], fragmentB[1]);
        mma(s[part][2 * j + 1], fragmentA[part], fragmentB[2], fragmentB[3]);
      }
    }
  }
}

/** Y += P · B: P as fragments of A, B the COUNT rows at `b`, DIM long and DIM + 8 apart. */
template <int PARTS, int COUNT, int DIM>
__device__ __forceinline__ void multiplyColumns(float (&y)[PARTS][DIM / 8][4], const u32 (&p)[PARTS][COUNT / 16][4], u32 b) {
#pragma unroll
  for (int j = 0; j < COUNT / 16; j++) {
#pragma unroll
    for (int d = 0; d < DIM / 16; d++) {
      u32 fragmentB[4];
      ldmatrixTransposed(fragmentB, b + (j * 16 * (DIM + 8) + d * 16) * 2);
#pragma unroll
      for (int part = 0; part < PARTS; part++) {
        mma(y[part][2 * d], p[part][j], fragmentB[0], fragmentB[1]);
        mma(y[part][2 * d + 1], p[part][j], fragmentB[2], fragmentB[3]);
      }
    }
  }
}

// Where a lane's row starts, in elements, for ldmatrix: as A (or transposed B), [16 rows, 16]; as B, [16 columns, 16].
__device__ __forceinline__ int laneOfA(int pitch) {
  int lane = threadIdx.x & 31;
  return (lane & 15) * pitch + (lane >> 4) * 8;
}
__device__ __forceinline__ int laneOfB(int pitch) {
  int lane = threadIdx.x & 31;
  return ((lane & 7) + (lane >> 4) * 8) * pitch + ((lane >> 3) & 1) * 8;
}

/**
 * Puts `hidden` where row and column may not see each other. x: fragments of C, rows row and row + 8, of documents ids[0] and ids[8];
 * columns firstColumn + …, of documents columnIds. KEYS_ARE_ROWS: a column is a query.
 */
template <bool KEYS_ARE_ROWS, int TILES>
__device__ __forceinline__ void hide(
    float (&x)[TILES][4], float hidden, int row, const int* ids, int firstColumn, const int* columnIds, int sequence, int causal) {
  int t = threadIdx.x & 3, id[2] = {ids[0], ids[8]};
#pragma unroll
  for (int j = 0; j < TILES; j++)
#pragma unroll
    for (int c = 0; c < 2; c++) {
      int at = j * 8 + t * 2 + c, column = firstColumn + at, columnId = columnIds[at];
#pragma unroll
      for (int i = 0; i < 2; i++) {
        bool later = KEYS_ARE_ROWS ? row + i * 8 > column : column > row + i * 8;
        if (column >= sequence || (causal && later) || columnId != id[i]) x[j][i * 2 + c] = hidden;
      }
    }
}

template <int A, int B, int C>
__device__ __forceinline__ void clear(float (&x)[A][B][C]) {
#pragma unroll
  for (int a = 0; a < A; a++)
#pragma unroll
    for (int b = 0; b < B; b++)
#pragma unroll
      for (int c = 0; c < C; c++) x[a][b][c] = 0.0f;
}

#define FORWARD_ROWS (FORWARD_WARPS * FORWARD_PARTS * 16)
#define FORWARD_THREADS (FORWARD_WARPS * 32)

/** grid tiles of FORWARD_ROWS queries · heads · batch. */
extern "C" __global__ void __launch_bounds__(FORWARD_THREADS, FORWARD_BLOCKS) attentionForwardMma(
    const bf16* q, const bf16* k, const bf16* v, const int* documents, bf16* out, float* lse, float* rowMax, int batch, int sequence,
    int heads, float scale, int causal) {
  constexpr int ROWS = FORWARD_ROWS, KEYS = FORWARD_KEYS, THREADS = FORWARD_THREADS, PARTS = FORWARD_PARTS;
  DYNAMIC_SHARED(shared);
  __shared__ int range[2], tileIds[2][KEYS], ownIds[ROWS];
  u32 tileQ = sharedAddress(shared), tileK = tileQ + ROWS * PITCH_K * 2, tileV = tileK + KEYS * PITCH_K * 2;
  Place place = placeOf((sequence + ROWS - 1) / ROWS, heads, batch, causal);
  Head head = {place.batch * sequence * heads + place.head, heads, sequence};
  const int* ids = documents + (i64)place.batch * sequence;
  int firstQ = place.tile * ROWS, lastQ = firstQ + ROWS < sequence ? firstQ + ROWS - 1 : sequence - 1;
  int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, g = lane >> 2, t = lane & 3;

  loadRows<ROWS, QK_DIM, THREADS>(tileQ, q, head, firstQ);
  loadWords<ROWS, THREADS>(sharedAddress(ownIds), ids, firstQ, sequence);
  findTiles<KEYS>(range, ids, sequence, firstQ, lastQ, 0, causal ? lastQ + 1 : sequence);
  int tile = range[0];
  if (tile < range[1]) {
    loadRows<KEYS, QK_DIM, THREADS>(tileK, k, head, tile * KEYS);
    loadWords<KEYS, THREADS>(sharedAddress(tileIds[tile & 1]), ids, tile * KEYS, sequence);
  }
  cpAsyncCommit();

  // This thread's rows: firstRow + part · 16 + i · 8.
  int warpRow = warp * PARTS * 16, firstRow = firstQ + warpRow + g, warpFirst = firstQ + warpRow;
  int warpLast = warpFirst + PARTS * 16 - 1 < sequence - 1 ? warpFirst + PARTS * 16 - 1 : sequence - 1;
  float most[PARTS][2], sum[PARTS][2], acc[PARTS][V_DIM / 8][4];
  clear(acc);
#pragma unroll
  for (int part = 0; part < PARTS; part++)
#pragma unroll
    for (int i = 0; i < 2; i++) {
      most[part][i] = -INFINITY;
      sum[part][i] = 0.0f;
    }
  u32 addressQ = tileQ + (warpRow * PITCH_K + laneOfA(PITCH_K)) * 2, addressK = tileK + laneOfB(PITCH_K) * 2;
  u32 addressV = tileV + laneOfA(PITCH_V) * 2;

  for (; tile < range[1]; tile++) {
    int firstK = tile * KEYS;
    const int* keyIds = tileIds[tile & 1];
    cpAsyncWait<0>();
    // The keys are there, and no warp reads the last values.
    __syncthreads();
    loadRows<KEYS, V_DIM, THREADS>(tileV, v, head, firstK);
    cpAsyncCommit();
    int lastK = firstK + KEYS < sequence ? firstK + KEYS - 1 : sequence - 1;
    int keysLow = keyIds[0], keysHigh = keyIds[lastK - firstK], idLow = ownIds[warpRow], idHigh = ownIds[warpLast - firstQ];
    bool some = warpFirst < sequence && (!causal || firstK <= warpLast) && keysLow <= idHigh && keysHigh >= idLow;
    u32 weights[PARTS][KEYS / 16][4];
    if (some) {
      float p[PARTS][KEYS / 8][4];
      clear(p);
      multiplyRows<PARTS, KEYS, QK_DIM>(p, addressQ, addressK);
      bool all = firstK + KEYS <= sequence && (!causal || firstK + KEYS - 1 <= warpFirst) && keysLow == idHigh && keysHigh == idLow;
#pragma unroll
      for (int part = 0; part < PARTS; part++) {
        float top[2] = {most[part][0], most[part][1]};
#pragma unroll
        for (int j = 0; j < KEYS / 8; j++)
#pragma unroll
          for (int i = 0; i < 4; i++) p[part][j][i] *= scale;
        if (!all) hide<false>(p[part], -INFINITY, firstRow + part * 16, ownIds + warpRow + part * 16 + g, firstK, keyIds, sequence, causal);
#pragma unroll
        for (int j = 0; j < KEYS / 8; j++)
#pragma unroll
          for (int i = 0; i < 4; i++) top[i >> 1] = maxNan(top[i >> 1], p[part][j][i]);
#pragma unroll
        for (int i = 0; i < 2; i++) {
          top[i] = maxNan(top[i], __shfl_xor_sync(~0u, top[i], 1));
          top[i] = maxNan(top[i], __shfl_xor_sync(~0u, top[i], 2));
          // A row that has seen nothing so far keeps sums of 0.
          float base = top[i] == -INFINITY ? 0.0f : top[i] * LOG2_E;
          float shrink = exp2Fast(most[part][i] * LOG2_E - base), rowSum = 0.0f;
          most[part][i] = top[i];
#pragma unroll
          for (int j = 0; j < KEYS / 8; j++)
#pragma unroll
            for (int c = i * 2; c < i * 2 + 2; c++) {
              p[part][j][c] = exp2Fast(p[part][j][c] * LOG2_E - base);
              rowSum += p[part][j][c];
            }
          // Summed over the four lanes of a row at the end.
          sum[part][i] = sum[part][i] * shrink + rowSum;
#pragma unroll
          for (int j = 0; j < V_DIM / 8; j++) {
            acc[part][j][i * 2] *= shrink;
            acc[part][j][i * 2 + 1] *= shrink;
          }
        }
        toA(weights[part], p[part]);
      }
    }
    cpAsyncWait<0>();
    // The values are there, and no warp reads the keys.
    __syncthreads();
    if (tile + 1 < range[1]) {
      loadRows<KEYS, QK_DIM, THREADS>(tileK, k, head, firstK + KEYS);
      loadWords<KEYS, THREADS>(sharedAddress(tileIds[(tile + 1) & 1]), ids, firstK + KEYS, sequence);
    }
    cpAsyncCommit();
    if (some) multiplyColumns<PARTS, KEYS, V_DIM>(acc, weights, addressV);
  }
  cpAsyncWait<0>();

  float factor[PARTS][2];
#pragma unroll
  for (int part = 0; part < PARTS; part++)
#pragma unroll
    for (int i = 0; i < 2; i++) {
      float total = sum[part][i];
      total += __shfl_xor_sync(~0u, total, 1);
      total += __shfl_xor_sync(~0u, total, 2);
      factor[part][i] = 1.0f / total;
      int row = firstRow + part * 16 + i * 8;
      if (t == 0 && row < sequence) {
        i64 stat = ((i64)place.batch * heads + place.head) * sequence + row;
        rowMax[stat] = most[part][i];
        lse[stat] = most[part][i] + logf(total);
      }
    }
  storeRows<V_DIM, PARTS, ROWS, THREADS>(shared, out, head, firstQ, warpRow, acc, factor);
}

#define QUERY_ROWS (QUERY_WARPS * 16)
#define QUERY_THREADS (QUERY_WARPS * 32)

/** dq: a block takes QUERY_ROWS queries and walks the keys. grid tiles · heads · batch. */
extern "C" __global__ void __launch_bounds__(QUERY_THREADS, QUERY_BLOCKS) attentionBackwardQMma(
    const bf16* dout, const bf16* q, const bf16* k, const bf16* v, const int* documents, const float* lse, const float* delta, bf16* dq,
    int batch, int sequence, int heads, float scale, int causal) {
  constexpr int ROWS = QUERY_ROWS, KEYS = QUERY_KEYS, THREADS = QUERY_THREADS;
  constexpr int STAGE = KEYS * (PITCH_K + PITCH_V) * 2;
  DYNAMIC_SHARED(shared);
  __shared__ int range[2], tileIds[2][KEYS], ownIds[ROWS];
  u32 tileQ = sharedAddress(shared), tileD = tileQ + ROWS * PITCH_K * 2, tileK = tileD + ROWS * PITCH_V * 2;
  u32 tileV = tileK + KEYS * PITCH_K * 2;
  Place place = placeOf((sequence + ROWS - 1) / ROWS, heads, batch, causal);
  Head head = {place.batch * sequence * heads + place.head, heads, sequence};
  const int* ids = documents + (i64)place.batch * sequence;
  int firstQ = place.tile * ROWS, lastQ = firstQ + ROWS < sequence ? firstQ + ROWS - 1 : sequence - 1;
  int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, g = lane >> 2;

  loadRows<ROWS, QK_DIM, THREADS>(tileQ, q, head, firstQ);
  loadRows<ROWS, V_DIM, THREADS>(tileD, dout, head, firstQ);
  loadWords<ROWS, THREADS>(sharedAddress(ownIds), ids, firstQ, sequence);
  findTiles<KEYS>(range, ids, sequence, firstQ, lastQ, 0, causal ? lastQ + 1 : sequence);
  int tile = range[0], tiles = range[1];
  auto load = [&](int next) {
    if (next < tiles) {
      u32 stage = (next & 1) * STAGE;
      loadRows<KEYS, QK_DIM, THREADS>(tileK + stage, k, head, next * KEYS);
      loadRows<KEYS, V_DIM, THREADS>(tileV + stage, v, head, next * KEYS);
      loadWords<KEYS, THREADS>(sharedAddress(tileIds[next & 1]), ids, next * KEYS, sequence);
    }
    cpAsyncCommit();
  };
  load(tile);

  int warpRow = warp * 16, warpFirst = firstQ + warpRow, warpLast = warpFirst + 15 < sequence - 1 ? warpFirst + 15 : sequence - 1;
  float rowLse[2], rowDelta[2], acc[1][QK_DIM / 8][4];
  clear(acc);
  i64 stats = ((i64)place.batch * heads + place.head) * sequence;
#pragma unroll
  for (int i = 0; i < 2; i++) {
    int row = warpFirst + g + i * 8, known = row < sequence ? row : sequence - 1;
    rowLse[i] = lse[stats + known] * LOG2_E;
    rowDelta[i] = delta[stats + known];
  }
  u32 addressQ = tileQ + (warpRow * PITCH_K + laneOfA(PITCH_K)) * 2, addressD = tileD + (warpRow * PITCH_V + laneOfA(PITCH_V)) * 2;

  for (; tile < tiles; tile++) {
    int firstK = tile * KEYS;
    u32 stage = (tile & 1) * STAGE;
    const int* keyIds = tileIds[tile & 1];
    cpAsyncWait<0>();
    // This tile is there, and no warp reads the last one.
    __syncthreads();
    load(tile + 1);
    int lastK = firstK + KEYS < sequence ? firstK + KEYS - 1 : sequence - 1;
    int keysLow = keyIds[0], keysHigh = keyIds[lastK - firstK], idLow = ownIds[warpRow], idHigh = ownIds[warpLast - firstQ];
    if (warpFirst >= sequence || (causal && firstK > warpLast) || keysLow > idHigh || keysHigh < idLow) continue;
    bool all = firstK + KEYS <= sequence && (!causal || firstK + KEYS - 1 <= warpFirst) && keysLow == idHigh && keysHigh == idLow;
    float p[1][KEYS / 8][4], ds[1][KEYS / 8][4];
    clear(p);
    multiplyRows<1, KEYS, QK_DIM>(p, addressQ, tileK + stage + laneOfB(PITCH_K) * 2);
    clear(ds);
    multiplyRows<1, KEYS, V_DIM>(ds, addressD, tileV + stage + laneOfB(PITCH_V) * 2);
#pragma unroll
    for (int j = 0; j < KEYS / 8; j++)
#pragma unroll
      for (int i = 0; i < 4; i++) {
        float weight = exp2Fast(p[0][j][i] * (scale * LOG2_E) - rowLse[i >> 1]);
        ds[0][j][i] = weight * (ds[0][j][i] - rowDelta[i >> 1]);
      }
    if (!all) hide<false>(ds[0], 0.0f, warpFirst + g, ownIds + warpRow + g, firstK, keyIds, sequence, causal);
    u32 weights[1][KEYS / 16][4];
    toA(weights[0], ds[0]);
    multiplyColumns<1, KEYS, QK_DIM>(acc, weights, tileK + stage + laneOfA(PITCH_K) * 2);
  }
  cpAsyncWait<0>();
  float factor[1][2] = {{scale, scale}};
  storeRows<QK_DIM, 1, ROWS, THREADS>(shared, dq, head, firstQ, warpRow, acc, factor);
}

#define KEY_ROWS (KEY_WARPS * 16)
#define KEY_THREADS (KEY_WARPS * 32)

/** dk and dv: a block takes KEY_ROWS keys and walks the queries, so that no sum depends on the order of blocks. grid tiles · heads · batch. */
extern "C" __global__ void __launch_bounds__(KEY_THREADS, KEY_BLOCKS) attentionBackwardKVMma(
    const bf16* dout, const bf16* q, const bf16* k, const bf16* v, const int* documents, const float* lse, const float* delta, bf16* dk,
    bf16* dv, int batch, int sequence, int heads, float scale, int causal) {
  constexpr int ROWS = KEY_ROWS, QUERIES = KEY_QUERIES, THREADS = KEY_THREADS;
  constexpr int STAGE = QUERIES * (PITCH_K + PITCH_V) * 2;
  DYNAMIC_SHARED(shared);
  __shared__ int range[2], tileIds[2][QUERIES], ownIds[ROWS];
  __shared__ float tileLse[2][QUERIES], tileDelta[2][QUERIES];
  u32 tileK = sharedAddress(shared), tileV = tileK + ROWS * PITCH_K * 2, tileQ = tileV + ROWS * PITCH_V * 2;
  u32 tileD = tileQ + QUERIES * PITCH_K * 2;
  Place place = placeOf((sequence + ROWS - 1) / ROWS, heads, batch, false);
  Head head = {place.batch * sequence * heads + place.head, heads, sequence};
  i64 stats = ((i64)place.batch * heads + place.head) * sequence;
  lse += stats;
  delta += stats;
  const int* ids = documents + (i64)place.batch * sequence;
  int firstK = place.tile * ROWS, lastK = firstK + ROWS < sequence ? firstK + ROWS - 1 : sequence - 1;
  int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, g = lane >> 2, t = lane & 3;

  loadRows<ROWS, QK_DIM, THREADS>(tileK, k, head, firstK);
  loadRows<ROWS, V_DIM, THREADS>(tileV, v, head, firstK);
  loadWords<ROWS, THREADS>(sharedAddress(ownIds), ids, firstK, sequence);
  findTiles<QUERIES>(range, ids, sequence, firstK, lastK, causal ? firstK : 0, sequence);
  int tile = range[0], tiles = range[1];
  auto load = [&](int next) {
    if (next < tiles) {
      u32 stage = (next & 1) * STAGE;
      loadRows<QUERIES, QK_DIM, THREADS>(tileQ + stage, q, head, next * QUERIES);
      loadRows<QUERIES, V_DIM, THREADS>(tileD + stage, dout, head, next * QUERIES);
      loadWords<QUERIES, THREADS>(sharedAddress(tileIds[next & 1]), ids, next * QUERIES, sequence);
      loadWords<QUERIES, THREADS>(sharedAddress(tileLse[next & 1]), lse, next * QUERIES, sequence);
      loadWords<QUERIES, THREADS>(sharedAddress(tileDelta[next & 1]), delta, next * QUERIES, sequence);
    }
    cpAsyncCommit();
  };
  load(tile);

  int warpRow = warp * 16, warpFirst = firstK + warpRow, warpLast = warpFirst + 15 < sequence - 1 ? warpFirst + 15 : sequence - 1;
  float accK[1][QK_DIM / 8][4], accV[1][V_DIM / 8][4];
  clear(accK);
  clear(accV);
  u32 addressK = tileK + (warpRow * PITCH_K + laneOfA(PITCH_K)) * 2, addressV = tileV + (warpRow * PITCH_V + laneOfA(PITCH_V)) * 2;

  for (; tile < tiles; tile++) {
    int firstQ = tile * QUERIES;
    u32 stage = (tile & 1) * STAGE;
    const int* queryIds = tileIds[tile & 1];
    const float *queryLse = tileLse[tile & 1], *queryDelta = tileDelta[tile & 1];
    cpAsyncWait<0>();
    // This tile is there, and no warp reads the last one.
    __syncthreads();
    load(tile + 1);
    int lastQ = firstQ + QUERIES < sequence ? firstQ + QUERIES - 1 : sequence - 1;
    int queriesLow = queryIds[0], queriesHigh = queryIds[lastQ - firstQ], idLow = ownIds[warpRow], idHigh = ownIds[warpLast - firstK];
    if (warpFirst >= sequence || (causal && lastQ < warpFirst) || queriesLow > idHigh || queriesHigh < idLow) continue;
    bool all = firstQ + QUERIES <= sequence && (!causal || firstQ >= warpFirst + 15) && queriesLow == idHigh && queriesHigh == idLow;
    // Transposed: rows are keys, columns queries.
    float p[1][QUERIES / 8][4], ds[1][QUERIES / 8][4];
    clear(p);
    multiplyRows<1, QUERIES, QK_DIM>(p, addressK, tileQ + stage + laneOfB(PITCH_K) * 2);
#pragma unroll
    for (int j = 0; j < QUERIES / 8; j++)
#pragma unroll
      for (int i = 0; i < 4; i++) {
        int column = j * 8 + t * 2 + (i & 1);
        p[0][j][i] = exp2Fast(p[0][j][i] * (scale * LOG2_E) - queryLse[column] * LOG2_E);
      }
    if (!all) hide<true>(p[0], 0.0f, warpFirst + g, ownIds + warpRow + g, firstQ, queryIds, sequence, causal);
    u32 weights[1][QUERIES / 16][4];
    toA(weights[0], p[0]);
    multiplyColumns<1, QUERIES, V_DIM>(accV, weights, tileD + stage + laneOfA(PITCH_V) * 2);
    clear(ds);
    multiplyRows<1, QUERIES, V_DIM>(ds, addressV, tileD + stage + laneOfB(PITCH_V) * 2);
#pragma unroll
    for (int j = 0; j < QUERIES / 8; j++)
#pragma unroll
      for (int i = 0; i < 4; i++) ds[0][j][i] = p[0][j][i] * (ds[0][j][i] - queryDelta[j * 8 + t * 2 + (i & 1)]);
    toA(weights[0], ds[0]);
    multiplyColumns<1, QUERIES, QK_DIM>(accK, weights, tileQ + stage + laneOfA(PITCH_K) * 2);
  }
  cpAsyncWait<0>();
  float factorK[1][2] = {{scale, scale}}, factorV[1][2] = {{1.0f, 1.0f}};
  storeRows<QK_DIM, 1, ROWS, THREADS>(shared, dk, head, firstK, warpRow, accK, factorK);
  storeRows<V_DIM, 1, ROWS, THREADS>(shared, dv, head, firstK, warpRow, accV, factorV);
}
