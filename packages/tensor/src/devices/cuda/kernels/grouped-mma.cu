// Products of experts on tensor cores: bf16 in, sums in f32, OUT (bf16 or float) out. grouped.cu is the plain version.
// x [rows, k] and dy [rows, n] sorted by expert, offsets i32 [experts + 1]. n and k are multiples of 8.
//
// A block makes a tile [128, 128] of C = A · B with 4 warps of [64, 64]; slices of 64 of the inner dimension pass through STAGES buffers.
// In shared memory a row's chunks of 16 bytes are permuted by the row's number, so that the 8 rows of a matrix are in different banks.

#ifndef OUT
#define OUT bf16
#endif
#ifndef STAGES
#define STAGES 3
#endif
#define TILE 128
#define DEPTH 64
#define THREADS 128
/** f32 elements from row to row where the tile is put before it is stored: 8 banks apart. */
#define PITCH_C (TILE + 8)

/** An operand [rows, columns] in memory, `pitch` elements from row to row; beyond its end it is 0. */
struct Operand {
  const bf16* x;
  int pitch, rows, columns;
};

/** Byte of element [r, c] in a buffer with rows of COLUMNS; c is a multiple of 8. */
template <int COLUMNS>
__device__ __forceinline__ u32 placeOf(int r, int c) {
  return (r * (COLUMNS / 8) + ((c / 8) ^ (r & 7))) * 16;
}

/** x[row …, column …] on its way to a buffer [ROWS, COLUMNS]. */
template <int ROWS, int COLUMNS>
__device__ __forceinline__ void loadSlice(u32 buffer, const Operand& of, int row, int column) {
  constexpr int ACROSS = COLUMNS / 8, DOWN = THREADS / ACROSS;
  static_assert(DOWN % 8 == 0, "rows of a thread share their permutation");
  int r = threadIdx.x / ACROSS, c = threadIdx.x % ACROSS * 8;
  const bf16* x = of.x + (i64)(row + r) * of.pitch + column + c;
  u32 to = buffer + placeOf<COLUMNS>(r, c);
  bool inside = column + c < of.columns;
#pragma unroll
  for (int i = 0; i < ROWS / DOWN; i++)
    cpAsync16(to + i * DOWN * COLUMNS * 2, x + (i64)i * DOWN * of.pitch, inside && row + r + i * DOWN < of.rows);
}

/**
 * acc = A · B of one tile over `inner`. A lies as [TILE, inner], or if TRANSPOSE_A as [inner, TILE]; B as [inner, TILE], or if TRANSPOSE_B as
 * [TILE, inner]. rowA and columnB: where the tile starts. The warp's part starts at [warp / 2 · 64, warp % 2 · 64].
 */
template <bool TRANSPOSE_A, bool TRANSPOSE_B>
__device__ __forceinline__ void tileProduct(
    float (&acc)[4][8][4], char* shared, const Operand& a, int rowA, const Operand& b, int columnB, int inner) {
  constexpr u32 HALF = TILE * DEPTH * 2, STAGE = 2 * HALF;
  u32 base = sharedAddress(shared);
  int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, rowWarp = warp / 2 * 64, columnWarp = warp % 2 * 64;
  int slices = (inner + DEPTH - 1) / DEPTH;
  auto load = [&](int slice) {
    if (slice < slices) {
      u32 to = base + slice % STAGES * STAGE;
      if (TRANSPOSE_A) loadSlice<DEPTH, TILE>(to, a, slice * DEPTH, rowA);
      else loadSlice<TILE, DEPTH>(to, a, rowA, slice * DEPTH);
      if (TRANSPOSE_B) loadSlice<TILE, DEPTH>(to + HALF, b, columnB, slice * DEPTH);
      else loadSlice<DEPTH, TILE>(to + HALF, b, slice * DEPTH, columnB);
    }
    cpAsyncCommit();
  };
#pragma unroll
  for (int slice = 0; slice < STAGES - 1; slice++) load(slice);
#pragma unroll
  for (int i = 0; i < 4; i++)
#pragma unroll
    for (int j = 0; j < 8; j++)
#pragma unroll
      for (int c = 0; c < 4; c++) acc[i][j][c] = 0.0f;

  // Rows that this lane names to ldmatrix: 16 of which the second half of the lanes starts 8 columns on (wide), or the other way about.
  int wideRow = lane & 15, wideColumn = (lane >> 4) * 8, tallRow = (lane & 7) + (lane >> 4) * 8, tallColumn = (lane >> 3 & 1) * 8;
  for (int slice = 0; slice < slices; slice++) {
    cpAsyncWait<STAGES - 2>();
    // This slice is there, and no warp reads the buffer of the last one, which the next load fills.
    __syncthreads();
    load(slice + STAGES - 1);
    u32 sliceA = base + slice % STAGES * STAGE, sliceB = sliceA + HALF;
#pragma unroll
    for (int d = 0; d < DEPTH; d += 16) {
      u32 fragmentA[4][4];
#pragma unroll
      for (int i = 0; i < 4; i++) {
        if (TRANSPOSE_A) ldmatrixTransposed(fragmentA[i], sliceA + placeOf<TILE>(d + tallRow, rowWarp + i * 16 + tallColumn));
        else ldmatrix(fragmentA[i], sliceA + placeOf<DEPTH>(rowWarp + i * 16 + wideRow, d + wideColumn));
      }
#pragma unroll
      for (int j = 0; j < 4; j++) {
        u32 fragmentB[4];
        if (TRANSPOSE_B) ldmatrix(fragmentB, sliceB + placeOf<DEPTH>(columnWarp + j * 16 + tallRow, d + tallColumn));
        else ldmatrixTransposed(fragmentB, sliceB + placeOf<TILE>(d + wideRow, columnWarp + j * 16 + wideColumn));
#pragma unroll
        for (int i = 0; i < 4; i++) {
          mma(acc[i][2 * j], fragmentA[i], fragmentB[0], fragmentB[1]);
          mma(acc[i][2 * j + 1], fragmentA[i], fragmentB[2], fragmentB[3]);
        }
      }
    }
  }
  cpAsyncWait<0>();
  __syncthreads();
}

/** 8 values to y, or added to it. */
__device__ __forceinline__ void put8(float* y, const float (&value)[8], int accumulate) {
#pragma unroll
  for (int i = 0; i < 8; i += 4) {
    float4* to = (float4*)(y + i);
    float4 x = accumulate ? *to : make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    *to = make_float4(x.x + value[i], x.y + value[i + 1], x.z + value[i + 2], x.w + value[i + 3]);
  }
}
__device__ __forceinline__ void put8(bf16* y, const float (&value)[8], int accumulate) {
  bf16x8* to = (bf16x8*)y;
  bf16x8 x = {};
  if (accumulate) x = *to;
#pragma unroll
  for (int i = 0; i < 4; i++) x.pairs[i] = packBf16(lowOf(x.pairs[i]) + value[2 * i], highOf(x.pairs[i]) + value[2 * i + 1]);
  *to = x;
}

/** The tile to y, of which `rows` rows and `columns` columns (a multiple of 8) are inside. Through shared memory: whole lines are written. */
__device__ __forceinline__ void storeTile(
    OUT* y, int pitch, int rows, int columns, char* shared, const float (&acc)[4][8][4], int accumulate) {
  float* tile = (float*)shared;
  int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, g = lane >> 2, t = lane & 3;
#pragma unroll
  for (int i = 0; i < 4; i++)
#pragma unroll
    for (int j = 0; j < 8; j++)
#pragma unroll
      for (int c = 0; c < 2; c++) {
        float2* to = (float2*)(tile + (warp / 2 * 64 + i * 16 + c * 8 + g) * PITCH_C + warp % 2 * 64 + j * 8 + t * 2);
        *to = make_float2(acc[i][j][c * 2], acc[i][j][c * 2 + 1]);
      }
  __syncthreads();
  int c = threadIdx.x % (TILE / 8) * 8;
  if (c >= columns) return;
#pragma unroll 4
  for (int r = threadIdx.x / (TILE / 8); r < rows; r += THREADS / (TILE / 8)) {
    const float4* from = (const float4*)(tile + r * PITCH_C + c);
    float4 low = from[0], high = from[1];
    float value[8] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
    put8(y + (i64)r * pitch + c, value, accumulate);
  }
}

struct Rows {
  int expert, first, count;
};
/** The expert and rows of the tile-th tile, when every expert's rows are cut into tiles; count 0 beyond the last. A warp looks at 32 experts at once. */
__device__ __forceinline__ Rows findRows(const int* offsets, int experts, int tile) {
  int lane = threadIdx.x & 31;
  for (int group = 0; group < experts; group += 32) {
    int e = group + lane, from = 0, count = 0;
    if (e < experts) {
      from = offsets[e];
      count = offsets[e + 1] - from;
    }
    int tiles = (count + TILE - 1) / TILE, before = tiles;
#pragma unroll
    for (int step = 1; step < 32; step *= 2) {
      int other = __shfl_up_sync(~0u, before, step);
      if (lane >= step) before += other;
    }
    // `before` now counts the tiles of this expert too.
    u32 found = __ballot_sync(~0u, tile < before);
    if (found) {
      int which = __ffs(found) - 1, skipped = (tile - __shfl_sync(~0u, before - tiles, which)) * TILE;
      int first = __shfl_sync(~0u, from, which) + skipped, left = __shfl_sync(~0u, count, which) - skipped;
      return {group + which, first, left < TILE ? left : TILE};
    }
    tile -= __shfl_sync(~0u, before, 31);
  }
  return {0, 0, 0};
}

template <bool TRANSPOSE_W>
__device__ __forceinline__ void groupedProduct(
    const bf16* x, const bf16* w, OUT* y, const int* offsets, int experts, int n, int k, int accumulate) {
  DYNAMIC_SHARED(shared);
  Rows rows = findRows(offsets, experts, blockIdx.y);
  if (rows.count == 0) return;
  int column = blockIdx.x * TILE;
  Operand a = {x + (i64)rows.first * k, k, rows.count, k};
  Operand b = {w + (i64)rows.expert * n * k, TRANSPOSE_W ? k : n, TRANSPOSE_W ? n : k, TRANSPOSE_W ? k : n};
  float acc[4][8][4];
  tileProduct<false, TRANSPOSE_W>(acc, shared, a, 0, b, column, k);
  storeTile(y + (i64)rows.first * n + column, n, rows.count, n - column, shared, acc, accumulate);
}

/** y[r] = x[r] · w[e], w [E, k, n]. grid (n / 128, rows / 128 + experts). */
extern "C" __global__ void __launch_bounds__(THREADS, 2) groupedGemmMma(
    const bf16* x, const bf16* w, OUT* y, const int* offsets, int experts, int n, int k, int accumulate) {
  groupedProduct<false>(x, w, y, offsets, experts, n, k, accumulate);
}

/** y[r] = x[r] · w[e]ᵀ, w [E, n, k]. grid (n / 128, rows / 128 + experts). */
extern "C" __global__ void __launch_bounds__(THREADS, 2) groupedGemmTransposedMma(
    const bf16* x, const bf16* w, OUT* y, const int* offsets, int experts, int n, int k, int accumulate) {
  groupedProduct<true>(x, w, y, offsets, experts, n, k, accumulate);
}

/** dw[e] = Σ_r dy[r]ᵀ · x[r] over the rows of expert e, dw [E, n, k]. grid (k / 128, n / 128, experts). */
extern "C" __global__ void __launch_bounds__(THREADS, 2) groupedGemmWeightGradMma(
    const bf16* dy, const bf16* x, OUT* dw, const int* offsets, int n, int k, int accumulate) {
  DYNAMIC_SHARED(shared);
  int e = blockIdx.z, first = offsets[e], count = offsets[e + 1] - first, row = blockIdx.y * TILE, column = blockIdx.x * TILE;
  if (count == 0 && accumulate) return;
  Operand a = {dy + (i64)first * n, n, count, n}, b = {x + (i64)first * k, k, count, k};
  float acc[4][8][4];
  tileProduct<true, false>(acc, shared, a, row, b, column, count);
  int rows = n - row < TILE ? n - row : TILE;
  storeTile(dw + ((i64)e * n + row) * k + column, k, rows, k - column, shared, acc, accumulate);
}
