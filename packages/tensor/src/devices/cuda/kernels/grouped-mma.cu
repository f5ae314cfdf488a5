// Products of experts on tensor cores: bf16 in, sums in f32, OUT (bf16 or float) out. grouped.cu is the plain version.
// x [rows, k] and dy [rows, n] sorted by expert, offsets i32 [experts + 1]. n and k are multiples of 8.
//
// A block makes a tile [128, 128] of C = A · B; slices of 64 of the inner dimension pass through STAGES buffers. With WGMMA, two warpgroups
// make [64, 128] each (sm_90a); else 4 warps make [64, 64] each by mma (sm_80 and later).
// A buffer is as placeInBlocks of mma.cuh says. Weights may be e4m3 (W_w): they pass through registers, where they become bf16, scale and all.

#ifndef OUT
#define OUT bf16
#endif
#ifndef WGMMA
#define WGMMA 0
#endif
#ifndef STAGES
#define STAGES 3
#endif
#define TILE 128
#define DEPTH 64
#include "fp8.cuh"
#include "mma.cuh"
#if WGMMA
#include "wgmma.cuh"
#define THREADS 256
#define ROW_PARTS 1      // a warp's part of the tile in fragments of [16, 8]
#define COLUMN_PARTS 16
#else
#define THREADS 128
#define ROW_PARTS 4
#define COLUMN_PARTS 8
#endif
/** f32 elements from row to row where the tile is put before it is stored: 8 banks apart. */
#define PITCH_C (TILE + 8)

/** An operand [rows, columns] in memory, `pitch` elements from row to row; beyond its end it is 0. */
struct Operand {
  const bf16* x;
  int pitch, rows, columns;
};
/** The same in e4m3: rows that lie in one row of blocks, with their scales. */
struct Codes {
  WeightRows<e4m3> of;
  int pitch, rows, columns;
};

/** x[row …, column …] on its way to a buffer [ROWS, COLUMNS]. */
template <int ROWS, int COLUMNS>
__device__ __forceinline__ void loadSlice(u32 buffer, const Operand& of, int row, int column) {
  constexpr int ACROSS = COLUMNS / 8, DOWN = THREADS / ACROSS;
  static_assert(DOWN % 8 == 0, "rows of a thread share their permutation");
  int r = threadIdx.x / ACROSS, c = threadIdx.x % ACROSS * 8;
  const bf16* x = of.x + (i64)(row + r) * of.pitch + column + c;
  u32 to = buffer + placeInBlocks<ROWS>(r, c);
  bool inside = column + c < of.columns;
#pragma unroll
  for (int i = 0; i < ROWS / DOWN; i++)
    cpAsync16(to + i * DOWN * 128, x + (i64)i * DOWN * of.pitch, inside && row + r + i * DOWN < of.rows);
}

__device__ __forceinline__ void storeShared16(u32 to, const Eight& x) {
  const float* v = x.v;
  asm volatile("st.shared.v4.b32 [%0], {%1, %2, %3, %4};" ::"r"(to), "r"(packBf16(v[0], v[1])), "r"(packBf16(v[2], v[3])),
               "r"(packBf16(v[4], v[5])), "r"(packBf16(v[6], v[7]))
               : "memory");
}

/** The slices of codes [TILE, DEPTH] one after the other: each is on its way to registers while the products of those before are made. */
struct CodeSlices {
  static constexpr int DOWN = THREADS / (DEPTH / 8), PARTS = TILE / DOWN;
  uint2 held[PARTS];
  float scale;

  __device__ __forceinline__ void fetch(const Codes& from, int column) {
    int r = threadIdx.x / (DEPTH / 8), c = column + threadIdx.x % (DEPTH / 8) * 8;
    bool inside = c < from.columns;
    // A slice lies in one block.
    scale = inside ? __ldg(from.of.scales + column / FP8_BLOCK) : 0.0f;
#pragma unroll
    for (int i = 0; i < PARTS; i++) {
      const e4m3* at = from.of.first + (i64)(r + i * DOWN) * from.pitch + c;
      held[i] = inside && r + i * DOWN < from.rows ? __ldg((const uint2*)at) : make_uint2(0, 0);
    }
  }
  __device__ __forceinline__ void put(u32 buffer) const {
    u32 to = buffer + placeInBlocks<TILE>(threadIdx.x / (DEPTH / 8), threadIdx.x % (DEPTH / 8) * 8);
#pragma unroll
    for (int i = 0; i < PARTS; i++) {
      Eight v = eightOf(held[i]);
#pragma unroll
      for (int j = 0; j < 8; j++) v.v[j] *= scale;
      storeShared16(to + i * DOWN * 128, v);
    }
  }
};
struct NoCodes {};
/** How the slices of an operand come. */
__device__ __forceinline__ NoCodes slicesOf(const Operand&) { return {}; }
__device__ __forceinline__ CodeSlices slicesOf(const Codes& of) {
  CodeSlices slices;
  slices.fetch(of, 0);
  return slices;
}

__device__ __forceinline__ void clear(float (&acc)[ROW_PARTS][COLUMN_PARTS][4]) {
#pragma unroll
  for (int i = 0; i < ROW_PARTS; i++)
#pragma unroll
    for (int j = 0; j < COLUMN_PARTS; j++)
#pragma unroll
      for (int c = 0; c < 4; c++) acc[i][j][c] = 0.0f;
}

/** Where the warp's part of the tile starts. */
__device__ __forceinline__ int rowOfWarp() { return WGMMA ? threadIdx.x / 32 * 16 : threadIdx.x / 64 * 64; }
__device__ __forceinline__ int columnOfWarp() { return WGMMA ? 0 : threadIdx.x / 32 % 2 * 64; }

/** Slice `at` of B [inner, TILE], or if TRANSPOSE [TILE, inner], to a buffer. */
template <bool TRANSPOSE>
__device__ __forceinline__ void loadB(u32 buffer, NoCodes&, const Operand& b, int column, int at) {
  if (TRANSPOSE) loadSlice<TILE, DEPTH>(buffer, b, column, at);
  else loadSlice<DEPTH, TILE>(buffer, b, at, column);
}
template <bool TRANSPOSE>
__device__ __forceinline__ void loadB(u32 buffer, CodeSlices& slices, const Codes& b, int, int at) {
  static_assert(TRANSPOSE, "codes lie along the inner dimension");
  slices.put(buffer);
  slices.fetch(b, at + DEPTH);
}

/**
 * acc = A · B of one tile over `inner`. A lies as [TILE, inner], or if TRANSPOSE_A as [inner, TILE]; B as [inner, TILE], or if TRANSPOSE_B as
 * [TILE, inner]. rowA and columnB: where the tile starts.
 */
template <bool TRANSPOSE_A, bool TRANSPOSE_B, class B>
__device__ __forceinline__ void tileProduct(
    float (&acc)[ROW_PARTS][COLUMN_PARTS][4], char* shared, const Operand& a, int rowA, const B& b, int columnB, int inner) {
  // Slices on their way. Where products run on while the next is begun, one buffer more is in use.
  constexpr int AHEAD = WGMMA ? STAGES - 2 : STAGES - 1;
  constexpr u32 HALF = TILE * DEPTH * 2, STAGE = 2 * HALF;
  u32 base = sharedAddress(shared);
  int slices = (inner + DEPTH - 1) / DEPTH;
  auto slicesB = slicesOf(b);
  auto load = [&](int slice) {
    if (slice < slices) {
      u32 to = base + slice % STAGES * STAGE;
      if (TRANSPOSE_A) loadSlice<DEPTH, TILE>(to, a, slice * DEPTH, rowA);
      else loadSlice<TILE, DEPTH>(to, a, rowA, slice * DEPTH);
      loadB<TRANSPOSE_B>(to + HALF, slicesB, b, columnB, slice * DEPTH);
    }
    cpAsyncCommit();
  };
#pragma unroll
  for (int slice = 0; slice < AHEAD; slice++) load(slice);

#if WGMMA
  u32 rowsA = threadIdx.x / 128 * 64;
  for (int slice = 0; slice < slices; slice++) {
    cpAsyncWait<AHEAD - 1>();
    fenceForWgmma();
    // This slice is there, and the products of the last but one have ended in both warpgroups: the next load fills their buffer.
    __syncthreads();
    u32 sliceA = base + slice % STAGES * STAGE, sliceB = sliceA + HALF;
    wgmmaFence();
#pragma unroll
    for (int d = 0; d < DEPTH; d += 16) {
      u32 startA = TRANSPOSE_A ? placeInBlocks<DEPTH>(d, rowsA) : placeInBlocks<TILE>(rowsA, 0) + d * 2;
      u32 startB = TRANSPOSE_B ? d * 2 : placeInBlocks<DEPTH>(d, 0);
      wgmma<TRANSPOSE_A, !TRANSPOSE_B>(acc[0], operandOf(sliceA + startA, DEPTH * 128), operandOf(sliceB + startB, DEPTH * 128),
                                       slice > 0 || d > 0);
    }
    wgmmaCommit();
    load(slice + AHEAD);
    wgmmaWait<1>();
  }
  wgmmaWait<0>();
  // Not before: registers set otherwise would hold up the products.
  if (slices == 0) clear(acc);
#else
  clear(acc);
  int lane = threadIdx.x & 31, rowWarp = rowOfWarp(), columnWarp = columnOfWarp();
  // Rows that this lane names to ldmatrix: 16 of which the second half of the lanes starts 8 columns on (wide), or the other way about.
  int wideRow = lane & 15, wideColumn = (lane >> 4) * 8, tallRow = (lane & 7) + (lane >> 4) * 8, tallColumn = (lane >> 3 & 1) * 8;
  for (int slice = 0; slice < slices; slice++) {
    cpAsyncWait<AHEAD - 1>();
    // This slice is there, and no warp reads the buffer of the last one, which the next load fills.
    __syncthreads();
    load(slice + AHEAD);
    u32 sliceA = base + slice % STAGES * STAGE, sliceB = sliceA + HALF;
#pragma unroll
    for (int d = 0; d < DEPTH; d += 16) {
      u32 fragmentA[4][4];
#pragma unroll
      for (int i = 0; i < 4; i++) {
        if (TRANSPOSE_A) ldmatrixTransposed(fragmentA[i], sliceA + placeInBlocks<DEPTH>(d + tallRow, rowWarp + i * 16 + tallColumn));
        else ldmatrix(fragmentA[i], sliceA + placeInBlocks<TILE>(rowWarp + i * 16 + wideRow, d + wideColumn));
      }
#pragma unroll
      for (int j = 0; j < 4; j++) {
        u32 fragmentB[4];
        if (TRANSPOSE_B) ldmatrix(fragmentB, sliceB + placeInBlocks<TILE>(columnWarp + j * 16 + tallRow, d + tallColumn));
        else ldmatrixTransposed(fragmentB, sliceB + placeInBlocks<DEPTH>(d + wideRow, columnWarp + j * 16 + wideColumn));
#pragma unroll
        for (int i = 0; i < 4; i++) {
          mma(acc[i][2 * j], fragmentA[i], fragmentB[0], fragmentB[1]);
          mma(acc[i][2 * j + 1], fragmentA[i], fragmentB[2], fragmentB[3]);
        }
      }
    }
  }
#endif
  cpAsyncWait<0>();
  __syncthreads();
}

/** The tile to y, of which `rows` rows and `columns` columns (a multiple of 8) are inside. Through shared memory: whole lines are written. */
__device__ __forceinline__ void storeTile(
    OUT* y, int pitch, int rows, int columns, char* shared, const float (&acc)[ROW_PARTS][COLUMN_PARTS][4], int accumulate) {
  float* tile = (float*)shared;
  int g = threadIdx.x >> 2 & 7, t = threadIdx.x & 3, row = rowOfWarp() + g, column = columnOfWarp() + t * 2;
#pragma unroll
  for (int i = 0; i < ROW_PARTS; i++)
#pragma unroll
    for (int j = 0; j < COLUMN_PARTS; j++)
#pragma unroll
      for (int c = 0; c < 2; c++) {
        float2* to = (float2*)(tile + (row + i * 16 + c * 8) * PITCH_C + column + j * 8);
        *to = make_float2(acc[i][j][c * 2], acc[i][j][c * 2 + 1]);
      }
  __syncthreads();
  int c = threadIdx.x % (TILE / 8) * 8;
  if (c >= columns) return;
#pragma unroll 4
  for (int r = threadIdx.x / (TILE / 8); r < rows; r += THREADS / (TILE / 8)) {
    put8(y + (i64)r * pitch + c, load8(tile + r * PITCH_C + c), accumulate);
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

/** An expert's matrix, of which a tile begins at `column`, and where that is in what is returned. */
__device__ __forceinline__ Operand weightsOf(const bf16* w, int expert, int n, int k, bool transposed, int) {
  return {w + (i64)expert * n * k, transposed ? k : n, transposed ? n : k, transposed ? k : n};
}
__device__ __forceinline__ Codes weightsOf(const e4m3* w, int expert, int n, int k, bool, int column) {
  return {rowsOf(w, expert, n, k, column), k, n - column, k};
}

template <bool TRANSPOSE_W, class W>
__device__ __forceinline__ void groupedProduct(
    char* shared, const bf16* x, const W* w, OUT* y, const int* offsets, int experts, int n, int k, int accumulate) {
  Rows rows = findRows(offsets, experts, blockIdx.y);
  if (rows.count == 0) return;
  int column = blockIdx.x * TILE;
  Operand a = {x + (i64)rows.first * k, k, rows.count, k};
  auto b = weightsOf(w, rows.expert, n, k, TRANSPOSE_W, column);
  float acc[ROW_PARTS][COLUMN_PARTS][4];
  tileProduct<false, TRANSPOSE_W>(acc, shared, a, 0, b, column, k);
  storeTile(y + (i64)rows.first * n + column, n, rows.count, n - column, shared, acc, accumulate);
}

/** y[r] = x[r] · w[e], w [E, k, n]. grid (n / 128, rows / 128 + experts). */
extern "C" __global__ void __launch_bounds__(THREADS, 2) groupedGemmMma(
    const bf16* x, const bf16* w, OUT* y, const int* offsets, int experts, int n, int k, int accumulate) {
  DYNAMIC_SHARED(shared);
  groupedProduct<false>(shared, x, w, y, offsets, experts, n, k, accumulate);
}

/** y[r] = x[r] · w[e]ᵀ, w [E, n, k]. grid (n / 128, rows / 128 + experts). */
extern "C" __global__ void __launch_bounds__(THREADS, 2) groupedGemmTransposedMma(
    const bf16* x, const W_w* w, OUT* y, const int* offsets, int experts, int n, int k, int accumulate) {
  DYNAMIC_SHARED(shared);
  groupedProduct<true>(shared, x, w, y, offsets, experts, n, k, accumulate);
}

/** dw[e] = Σ_r dy[r]ᵀ · x[r] over the rows of expert e, dw [E, n, k]. grid (k / 128, n / 128, experts). */
extern "C" __global__ void __launch_bounds__(THREADS, 2) groupedGemmWeightGradMma(
    const bf16* dy, const bf16* x, OUT* dw, const int* offsets, int n, int k, int accumulate) {
  DYNAMIC_SHARED(shared);
  int e = blockIdx.z, first = offsets[e], count = offsets[e + 1] - first, row = blockIdx.y * TILE, column = blockIdx.x * TILE;
  if (count == 0 && accumulate) return;
  Operand a = {dy + (i64)first * n, n, count, n}, b = {x + (i64)first * k, k, count, k};
  float acc[ROW_PARTS][COLUMN_PARTS][4];
  tileProduct<true, false>(acc, shared, a, row, b, column, count);
  int rows = n - row < TILE ? n - row : TILE;
  storeTile(dw + ((i64)e * n + row) * k + column, k, rows, k - column, shared, acc, accumulate);
}
