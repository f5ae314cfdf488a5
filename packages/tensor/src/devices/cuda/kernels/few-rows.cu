// Products of few rows, on their own and as experts' rows: see few-rows.cuh.

#include "few-rows.cuh"

/** d[z, m, n] = a[z, m, k] · b[z, n, k]ᵀ + c[m, n] (null: nothing), m ≤ ROWS, k a multiple of 8. grid (n / 8, 1, batch), 128 threads.
 * OVERLAPPED: b is weights that no kernel writes. An e4m3 b is one matrix, ldb = k. */
extern "C" __global__ void __launch_bounds__(128) fewRows(
    const T_a* a, const W_b* b, const T_c* c, T_d* d, int m, int n, int k, int lda, int ldb, int ldc, int ldd, int strideA, int strideB,
    int strideD) {
  int column = (blockIdx.x * WARPS + (threadIdx.x >> 5)) * COLUMNS, lane = threadIdx.x & 31;
  if (column >= n) return;
  i64 z = blockIdx.z;
  int columns = n - column < COLUMNS ? n - column : COLUMNS;
  float sum[ROWS][COLUMNS] = {};
  WeightRows<W_b> w = rowsOf(b + z * strideB, 0, n, ldb, column);
  const T_a* x = a + z * strideA;
#ifdef OVERLAPPED
  Loaded<W_b, underWay, COLUMNS> early;
  loadWeights(early, w, ldb, columns, lane * 8, 256, k);
  waitForInputs();
  multiplyWeights(sum, early, x, lda, m, lane * 8, 256, k);
  addParts(sum, x, lda, m, w, ldb, columns, k, underWay * 256);
#else
  addParts(sum, x, lda, m, w, ldb, columns, k);
#endif
  sumLanes(sum);
#pragma unroll
  for (int r = 0; r < ROWS; r++)
#pragma unroll
    for (int j = 0; j < COLUMNS; j++)
      if (lane == r * COLUMNS + j && r < m && j < columns)
        d[z * strideD + (i64)r * ldd + column + j] = sum[r][j] + (c ? (float)c[(i64)r * ldc + column + j] : 0.0f);
}

/** y[r] = w[e(r)] · x[r], rows sorted by expert, k a multiple of 8. grid (n / 8, rows), 128 threads. Rows of no expert are left. */
extern "C" __global__ void __launch_bounds__(128) fewRowsGrouped(
    const T_x* x, const W_w* w, T_y* y, const int* offsets, int experts, int n, int k) {
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
  addProducts(sum, x + (i64)row * k, k, 1, rowsOf(w, e, n, k, column), k, columns, k);
#pragma unroll
  for (int j = 0; j < COLUMNS; j++)
    if (lane == j && j < columns) y[(i64)row * n + column + j] = sum[0][j];
}
