// Products of few rows with weights in bf16, as in decoding: each weight is read once, which is all the time that they take.
// A warp makes COLUMNS neighbouring outputs of ROWS rows; its lanes share the inner sum, eight elements at a time.

#ifndef ROWS
#define ROWS 1
#endif
#define COLUMNS 2
#define WARPS 4

/** Adds Σ x[r, c] · w[j, c] over c, each lane its own part. x has `pitch` elements a row; rows from `rows` on are not read. */
template <int N, class X>
__device__ __forceinline__ void addParts(
    float (&sum)[ROWS][N], const X* x, i64 pitch, int rows, const bf16* w, i64 wPitch, int columns, int k, int first = 0) {
  int lane = threadIdx.x & 31;
#pragma unroll 4
  for (int c = first + lane * 8; c < k; c += 256) {
    Eight weights[N];
#pragma unroll
    for (int j = 0; j < N; j++) weights[j] = load8(w + (j < columns ? j : 0) * wPitch + c);
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
      Eight v = load8(x + (r < rows ? r : 0) * pitch + c);
#pragma unroll
      for (int j = 0; j < N; j++)
#pragma unroll
        for (int i = 0; i < 8; i++) sum[r][j] += v.v[i] * weights[j].v[i];
    }
  }
}

/** Every lane gets the sums of all. */
template <int N>
__device__ __forceinline__ void sumLanes(float (&sum)[ROWS][N]) {
#pragma unroll
  for (int r = 0; r < ROWS; r++)
#pragma unroll
    for (int j = 0; j < N; j++) sum[r][j] = warpSum(sum[r][j]);
}

/** Both. */
template <int N, class X>
__device__ __forceinline__ void addProducts(
    float (&sum)[ROWS][N], const X* x, i64 pitch, int rows, const bf16* w, i64 wPitch, int columns, int k) {
  addParts(sum, x, pitch, rows, w, wPitch, columns, k);
  sumLanes(sum);
}
