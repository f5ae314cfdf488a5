// Products of few rows with weights in bf16, as in decoding: each weight is read once, which is all the time that they take.
// A warp makes COLUMNS neighbouring outputs of ROWS rows; its lanes share the inner sum, eight elements at a time.

#ifndef ROWS
#define ROWS 1
#endif
#define COLUMNS 2
#define WARPS 4

/** Adds Σ x[r, c] · w[j, c] over c. x has `pitch` elements a row; rows from `rows` on are not read. */
template <class X>
__device__ __forceinline__ void addProducts(
    float (&sum)[ROWS][COLUMNS], const X* x, i64 pitch, int rows, const bf16* w, i64 wPitch, int columns, int k) {
  int lane = threadIdx.x & 31;
#pragma unroll 4
  for (int c = lane * 8; c < k; c += 256) {
    Eight weights[COLUMNS];
#pragma unroll
    for (int j = 0; j < COLUMNS; j++) weights[j] = load8(w + (j < columns ? j : 0) * wPitch + c);
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
      Eight v = load8(x + (r < rows ? r : 0) * pitch + c);
#pragma unroll
      for (int j = 0; j < COLUMNS; j++)
#pragma unroll
        for (int i = 0; i < 8; i++) sum[r][j] += v.v[i] * weights[j].v[i];
    }
  }
#pragma unroll
  for (int r = 0; r < ROWS; r++)
#pragma unroll
    for (int j = 0; j < COLUMNS; j++) sum[r][j] = warpSum(sum[r][j]);
}

/** d[z, m, n] = a[z, m, k] · b[z, n, k]ᵀ, m ≤ ROWS, k a multiple of 8. grid (n / 8, 1, batch), 128 threads. */
extern "C" __global__ void __launch_bounds__(128) fewRows(
    const T_a* a, const bf16* b, T_d* d, int m, int n, int k, int lda, int ldb, int ldd, int strideA, int strideB, int strideD) {
  int column = (blockIdx.x * WARPS + (threadIdx.x >> 5)) * COLUMNS, lane = threadIdx.x & 31;
  if (column >= n) return;
  i64 z = blockIdx.z;
  int columns = n - column < COLUMNS ? n - column : COLUMNS;
  float sum[ROWS][COLUMNS] = {};
  addProducts(sum, a + z * strideA, lda, m, b + z * strideB + (i64)column * ldb, ldb, columns, k);
#pragma unroll
  for (int r = 0; r < ROWS; r++)
#pragma unroll
    for (int j = 0; j < COLUMNS; j++)
      if (lane == r * COLUMNS + j && r < m && j < columns) d[z * strideD + (i64)r * ldd + column + j] = sum[r][j];
}

/** y[r] = w[e(r)] · x[r], rows sorted by expert, k a multiple of 8. grid (n / 8, rows), 128 threads. Rows of no expert are left. */
extern "C" __global__ void __launch_bounds__(128) fewRowsGrouped(
    const T_x* x, const bf16* w, T_y* y, const int* offsets, int experts, int n, int k) {
  int column = (blockIdx.x * WARPS + (threadIdx.x >> 5)) * COLUMNS, lane = threadIdx.x & 31, row = blockIdx.y;
  if (column >= n || row < offsets[0] || row >= offsets[experts]) return;
  // The expert is the number of experts that end before this row.
  int e = 0;
  for (int first = 0; first < experts; first += 32) {
    bool ended = first + lane < experts && offsets[first + lane + 1] <= row;
    e += __popc(__ballot_sync(~0u, ended));
  }
  int columns = n - column < COLUMNS ? n - column : COLUMNS;
  float sum[ROWS][COLUMNS] = {};
  addProducts(sum, x + (i64)row * k, k, 1, w + ((i64)e * n + column) * k, k, columns, k);
#pragma unroll
  for (int j = 0; j < COLUMNS; j++)
    if (lane == j && j < columns) y[(i64)row * n + column + j] = sum[0][j];
}
