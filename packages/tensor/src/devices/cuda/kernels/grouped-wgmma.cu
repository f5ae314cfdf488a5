// Products of experts on warpgroups (sm_90a): bf16 in, sums in f32, OUT (bf16 or float) out. grouped-mma.cu is the same for other chips and for
// few rows, grouped.cu the plain version. x [rows, k] and dy [rows, n] sorted by expert, offsets i32 [experts + 1]. n and k are multiples of 8.
//
// A tile [MULTIPLYING · PARTS · 64, TILE_N] of C = A · B a task; blocks, as many as multiprocessors, take every gridDim-th. Large tiles, since the
// second-level cache gives each multiprocessor some 25 bytes a clock: [256, 192] and [192, 256] ask for 36 at the full rate, [128, 128] for 64.
#ifndef MULTIPLYING
#define MULTIPLYING 2
#endif
#ifndef PARTS
#define PARTS 2  // of a warpgroup, 64 rows each
#endif
#ifndef TILE_N
#define TILE_N 192
#endif
#ifndef OUT
#define OUT bf16
#endif
#include "pipeline.cuh"
#include "grouped.cuh"

#define TILE_M (MULTIPLYING * PARTS * 64)
/** Columns of one instruction: those of 256 ask for more registers than the compiler allows three warpgroups. */
#define WIDE (TILE_N == 256 ? 128 : TILE_N)
#define COLUMN_PARTS (TILE_N / WIDE)
#define DEPTH 64
#define STAGES 4
#define BYTES_A (TILE_M * DEPTH * 2)
#define BYTES_B (TILE_N * DEPTH * 2)

/** A tile of y = a · b, `rows` and `columns` of it inside; `inner` is cut into slices of DEPTH. */
struct Task {
  Operand a, b;
  int rowA, columnB, inner, rows, columns, pitch;
  OUT* y;
  /** One of zeros where an expert has no rows. */
  __device__ __forceinline__ int slices() const { return inner > 0 ? (inner + DEPTH - 1) / DEPTH : 1; }
};

/** What a launch computes: y = x · w of each expert, or with WEIGHTS dw = dyᵀ · x. */
struct Given {
  const bf16 *left, *right;
  OUT* y;
  const int* offsets;
  int experts, n, k, accumulate;
};

/** The number-th task, false behind the last. Columns come first, so that blocks at the same time read the same rows. */
template <bool WEIGHTS, bool TRANSPOSE_W>
__device__ __forceinline__ bool findTask(Task& task, const Given& given, int number) {
  const int n = given.n, k = given.k, wide = WEIGHTS ? k : n, across = (wide + TILE_N - 1) / TILE_N, column = number % across * TILE_N;
  task.columnB = column;
  task.columns = wide - column;
  task.pitch = wide;
  if (WEIGHTS) {
    int down = (n + TILE_M - 1) / TILE_M, e = number / (across * down), row = number / across % down * TILE_M;
    if (e >= given.experts) return false;
    int first = given.offsets[e], count = given.offsets[e + 1] - first;
    task.a = {given.left + (i64)first * n, n, count, n};
    task.b = {given.right + (i64)first * k, k, count, k};
    task.rowA = row;
    task.inner = count;
    task.rows = n - row;
    task.y = given.y + ((i64)e * n + row) * k + column;
    return true;
  }
  Rows rows = findRows<TILE_M>(given.offsets, given.experts, number / across);
  if (rows.count == 0) return false;
  task.a = {given.left + (i64)rows.first * k, k, rows.count, k};
  task.b = {given.right + (i64)rows.expert * n * k, TRANSPOSE_W ? k : n, TRANSPOSE_W ? n : k, TRANSPOSE_W ? k : n};
  task.rowA = 0;
  task.inner = k;
  task.rows = rows.count;
  task.y = given.y + (i64)rows.first * n + column;
  return true;
}

/** COUNT rows and COLUMNS of an operand from [row, column] on. */
template <int COUNT, int COLUMNS>
__device__ __forceinline__ void copySlice(u32 tile, const Operand& of, int row, int column) {
  copyTile<COUNT, COLUMNS>(tile, of.x + (i64)row * of.pitch + column, of.pitch, of.rows - row, of.columns - column);
}

/** This warpgroup's rows of a tile to y, or added to it. */
__device__ __forceinline__ void storeTile(const Task& task, const float (&acc)[PARTS][COLUMN_PARTS][WIDE / 8][4], int accumulate) {
  int thread = threadIdx.x % WARPGROUP, t = thread % 4, own = (threadIdx.x / WARPGROUP - 1) * PARTS * 64 + thread / 32 * 16 + thread % 32 / 4;
#pragma unroll
  for (int part = 0; part < PARTS; part++)
#pragma unroll
    for (int r = 0; r < 2; r++) {
      int row = own + part * 64 + r * 8;
      OUT* to = task.y + (i64)row * task.pitch;
      bool inside = row < task.rows;
#pragma unroll
      for (int j = 0; j < TILE_N / 8; j += 4) {
        const float(*from)[4] = &acc[part][j * 8 / WIDE][j % (WIDE / 8)];
        if (sizeof(OUT) == 2 && !accumulate) {
          u32 w[4];
#pragma unroll
          for (int i = 0; i < 4; i++) w[i] = packBf16(from[i][r * 2], from[i][r * 2 + 1]);
          transposeOverLanes(w);
          if (inside && (j + t) * 8 < task.columns) *(uint4*)(to + (j + t) * 8) = make_uint4(w[0], w[1], w[2], w[3]);
        } else {
#pragma unroll
          for (int i = 0; i < 4; i++)
            if (inside && (j + i) * 8 < task.columns) putTwo(to + (j + i) * 8 + t * 2, from[i][r * 2], from[i][r * 2 + 1], accumulate);
        }
      }
    }
}

/**
 * A of a task lies as [TILE_M, inner], or with WEIGHTS as [inner, TILE_M]; B as [inner, TILE_N], or with TRANSPOSE_W as [TILE_N, inner].
 */
template <bool WEIGHTS, bool TRANSPOSE_W>
__device__ __forceinline__ void product(char* shared, const Given& given) {
  u32 tiles = sharedAddress(shared), barriers = tiles + STAGES * (BYTES_A + BYTES_B);
  Ring<STAGES> ring = {barriers, barriers + STAGES * 8};
  if (threadIdx.x == 0) ring.start();
  __syncthreads();
  Task task;
  // i: use of the buffers, from task to task.
  int i = 0;
  if (threadIdx.x < WARPGROUP) {
    giveRegisters<REGISTERS_COPYING>();
    Copies copies;
    for (int number = blockIdx.x; findTask<WEIGHTS, TRANSPOSE_W>(task, given, number); number += gridDim.x)
      for (int slice = 0; slice < task.slices(); slice++, i++) {
        u32 tileA = tiles + ring.buffer(i) * (BYTES_A + BYTES_B), tileB = tileA + BYTES_A;
        ring.waitEmpty(copies, i);
        if (WEIGHTS) copySlice<DEPTH, TILE_M>(tileA, task.a, slice * DEPTH, task.rowA);
        else copySlice<TILE_M, DEPTH>(tileA, task.a, task.rowA, slice * DEPTH);
        if (TRANSPOSE_W) copySlice<TILE_N, DEPTH>(tileB, task.b, task.columnB, slice * DEPTH);
        else copySlice<DEPTH, TILE_N>(tileB, task.b, slice * DEPTH, task.columnB);
        copies.commit(ring.fullOf(i));
      }
    copies.finish();
    return;
  }
  takeRegisters<REGISTERS_MULTIPLYING>();
  int own = (threadIdx.x / WARPGROUP - 1) * PARTS * 64;
  for (int number = blockIdx.x; findTask<WEIGHTS, TRANSPOSE_W>(task, given, number); number += gridDim.x) {
    int slices = task.slices();
    float acc[PARTS][COLUMN_PARTS][WIDE / 8][4];
    for (int slice = 0; slice < slices; slice++, i++) {
      u32 tileA = tiles + ring.buffer(i) * (BYTES_A + BYTES_B);
      ring.waitFull(i);
      u64 b = operandOf(tileA + BYTES_A, DEPTH * 128);
      u64 a = operandOf(tileA + own * 128, DEPTH * 128);
      wgmmaFence();
#pragma unroll
      for (int d = 0; d < DEPTH; d += 16)
#pragma unroll
        for (int part = 0; part < PARTS; part++)
#pragma unroll
          for (int c = 0; c < COLUMN_PARTS; c++)
            // 64 rows are 64 · 128 bytes on, and so are 64 columns where these are blocks of DEPTH rows.
            wgmma<WEIGHTS, !TRANSPOSE_W>(acc[part][c], advance(a, part * 64 * 128 + (WEIGHTS ? d * 128 : d * 2)),
                                         advance(b, c * WIDE * 128 + (TRANSPOSE_W ? d * 2 : d * 128)), slice > 0 || d > 0);
      wgmmaCommit();
      wgmmaWait<1>();
      if (slice > 0) ring.release(i - 1);
    }
    wgmmaWait<0>();
#pragma unroll
    for (int part = 0; part < PARTS; part++)
#pragma unroll
      for (int c = 0; c < COLUMN_PARTS; c++) settle(acc[part][c]);
    ring.release(i - 1);
    storeTile(task, acc, given.accumulate);
  }
}

/** y[r] = x[r] · w[e], w [E, k, n]. */
extern "C" __global__ void __launch_bounds__(THREADS, 1) groupedGemmWgmma(
    const bf16* x, const bf16* w, OUT* y, const int* offsets, int experts, int n, int k, int accumulate) {
  DYNAMIC_SHARED(shared);
  product<false, false>(shared, {x, w, y, offsets, experts, n, k, accumulate});
}

/** y[r] = x[r] · w[e]ᵀ, w [E, n, k]. */
extern "C" __global__ void __launch_bounds__(THREADS, 1) groupedGemmTransposedWgmma(
    const bf16* x, const bf16* w, OUT* y, const int* offsets, int experts, int n, int k, int accumulate) {
  DYNAMIC_SHARED(shared);
  product<false, true>(shared, {x, w, y, offsets, experts, n, k, accumulate});
}

/** dw[e] = Σ_r dy[r]ᵀ · x[r] over the rows of expert e, dw [E, n, k]. */
extern "C" __global__ void __launch_bounds__(THREADS, 1) groupedGemmWeightGradWgmma(
    const bf16* dy, const bf16* x, OUT* dw, const int* offsets, int experts, int n, int k, int accumulate) {
  DYNAMIC_SHARED(shared);
  product<true, false>(shared, {dy, x, dw, offsets, experts, n, k, accumulate});
}
