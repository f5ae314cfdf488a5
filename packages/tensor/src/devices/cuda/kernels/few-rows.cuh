// Products of few rows with weights in bf16, as in decoding: each weight is read once, which is all the time that they take.
// A warp makes COLUMNS neighbouring outputs of ROWS rows; its lanes share the inner sum, eight elements at a time.

#ifndef ROWS
#define ROWS 1
#endif
#define COLUMNS 2
#define WARPS 4
/** Loads of a weight's row under way at a time: compilers would wait for each before the next. */
constexpr int underWay = ROWS > 2 ? 4 : 8;

/** 16 bytes of N weights' rows at c, c + step, …: zeros from k on. Rows from `columns` on are the first one again. */
template <int B, int N>
__device__ __forceinline__ void loadWeights(uint4 (&to)[B][N], const bf16* w, i64 pitch, int columns, int c, int step, int k) {
#pragma unroll
  for (int b = 0; b < B; b++)
#pragma unroll
    for (int j = 0; j < N; j++)
      to[b][j] = c + b * step < k ? __ldg((const uint4*)(w + (j < columns ? j : 0) * pitch + c + b * step)) : make_uint4(0, 0, 0, 0);
}

/** Adds x[r, c + b · step] · those weights. */
template <int B, int N, class X>
__device__ __forceinline__ void multiplyWeights(
    float (&sum)[ROWS][N], const uint4 (&weights)[B][N], const X* x, i64 pitch, int rows, int c, int step, int k) {
#pragma unroll
  for (int b = 0; b < B; b++) {
    int at = c + b * step;
    if (at >= k) continue;
    Eight w[N];
#pragma unroll
    for (int j = 0; j < N; j++) w[j] = load8((const bf16*)&weights[b][j]);
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
      Eight v = load8(x + (r < rows ? r : 0) * pitch + at);
#pragma unroll
      for (int j = 0; j < N; j++)
#pragma unroll
        for (int i = 0; i < 8; i++) sum[r][j] += v.v[i] * w[j].v[i];
    }
  }
}

/** Adds Σ x[r, c] · w[j, c] over c from `first` on, each lane its own part. x has `pitch` elements a row; rows from `rows` on are not read. */
template <int N, class X>
__device__ __forceinline__ void addParts(
    float (&sum)[ROWS][N], const X* x, i64 pitch, int rows, const bf16* w, i64 wPitch, int columns, int k, int first = 0) {
  constexpr int B = N > 4 ? 2 : underWay;
  for (int c = first + (threadIdx.x & 31) * 8; c < k; c += 256 * B) {
    uint4 weights[B][N];
    loadWeights(weights, w, wPitch, columns, c, 256, k);
    multiplyWeights(sum, weights, x, pitch, rows, c, 256, k);
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
