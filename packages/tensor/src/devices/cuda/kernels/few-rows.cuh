// Products of few rows with weights in bf16 or e4m3, as in decoding: each weight is read once, which is all the time that they take.
// A warp makes COLUMNS neighbouring outputs of ROWS rows; its lanes share the inner sum, eight elements at a time. Activations are not
// quantized: codes are multiplied as they are, and each eight of them, which lie in one block, by their scale.

#include "fp8.cuh"

#ifndef ROWS
#define ROWS 1
#endif
#define COLUMNS 2
#define WARPS 4
/** Loads of a weight's row under way at a time: compilers would wait for each before the next. */
constexpr int underWay = ROWS > 2 ? 4 : 8;

/** B times eight weights of N rows, as they are in memory. The rows lie in one row of blocks. */
template <class W, int B, int N>
struct Loaded;
template <int B, int N>
struct Loaded<bf16, B, N> {
  uint4 part[B][N];
};
template <int B, int N>
struct Loaded<e4m3, B, N> {
  uint2 part[B][N];
  float scale[B];
};
__device__ __forceinline__ void loadPart(uint4& to, const bf16* w, bool inside) { to = inside ? __ldg((const uint4*)w) : make_uint4(0, 0, 0, 0); }
__device__ __forceinline__ void loadPart(uint2& to, const e4m3* w, bool inside) { to = inside ? __ldg((const uint2*)w) : make_uint2(0, 0); }
__device__ __forceinline__ Eight eightOf(const uint4& part) { return load8((const bf16*)&part); }

/** The b-th eight weights of each row, at c: zeros unless inside. Rows from `columns` on are the first one again. */
template <class W, int B, int N>
__device__ __forceinline__ void loadEight(Loaded<W, B, N>& to, int b, const WeightRows<W>& rows, int pitch, int columns, int c, bool inside) {
#pragma unroll
  for (int j = 0; j < N; j++) loadPart(to.part[b][j], rows.first + (i64)(j < columns ? j : 0) * pitch + c, inside);
}
template <int B, int N>
__device__ __forceinline__ void loadScale(Loaded<bf16, B, N>&, int, const WeightRows<bf16>&, int, bool) {}
template <int B, int N>
__device__ __forceinline__ void loadScale(Loaded<e4m3, B, N>& to, int b, const WeightRows<e4m3>& rows, int c, bool inside) {
  to.scale[b] = inside ? __ldg(rows.scales + c / FP8_BLOCK) : 0.0f;
}

/** Eight weights of N rows at c, c + step, …: zeros from k on, which is the rows' pitch. */
template <class W, int B, int N>
__device__ __forceinline__ void loadWeights(Loaded<W, B, N>& to, const WeightRows<W>& rows, int pitch, int columns, int c, int step, int k) {
#pragma unroll
  for (int b = 0; b < B; b++) {
    loadEight(to, b, rows, pitch, columns, c + b * step, c + b * step < k);
    loadScale(to, b, rows, c + b * step, c + b * step < k);
  }
}

/** sum += Σ v · w of eight elements, the b-th ones of row j. */
template <int B, int N>
__device__ __forceinline__ void addEight(float& sum, const Eight& v, const Eight& w, const Loaded<bf16, B, N>&, int) {
#pragma unroll
  for (int i = 0; i < 8; i++) sum += v.v[i] * w.v[i];
}
template <int B, int N>
__device__ __forceinline__ void addEight(float& sum, const Eight& v, const Eight& w, const Loaded<e4m3, B, N>& from, int b) {
  float part = 0.0f;
#pragma unroll
  for (int i = 0; i < 8; i++) part += v.v[i] * w.v[i];
  sum += from.scale[b] * part;
}

/** Adds x[r, c + b · step] · those weights. */
template <class W, int B, int N, class X>
__device__ __forceinline__ void multiplyWeights(
    float (&sum)[ROWS][N], const Loaded<W, B, N>& weights, const X* x, i64 pitch, int rows, int c, int step, int k) {
#pragma unroll
  for (int b = 0; b < B; b++) {
    int at = c + b * step;
    if (at >= k) continue;
    Eight w[N];
#pragma unroll
    for (int j = 0; j < N; j++) w[j] = eightOf(weights.part[b][j]);
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
      Eight v = load8(x + (r < rows ? r : 0) * pitch + at);
#pragma unroll
      for (int j = 0; j < N; j++) addEight(sum[r][j], v, w[j], weights, b);
    }
  }
}

/** Adds Σ x[r, c] · w[j, c] over c from `first` on, each lane its own part. x has `pitch` elements a row; rows from `rows` on are not read. */
template <class W, int N, class X>
__device__ __forceinline__ void addParts(
    float (&sum)[ROWS][N], const X* x, i64 pitch, int rows, const WeightRows<W>& w, int wPitch, int columns, int k, int first = 0) {
  constexpr int B = N > 4 ? 2 : underWay;
  for (int c = first + (threadIdx.x & 31) * 8; c < k; c += 256 * B) {
    Loaded<W, B, N> weights;
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
template <class W, int N, class X>
__device__ __forceinline__ void addProducts(
    float (&sum)[ROWS][N], const X* x, i64 pitch, int rows, const WeightRows<W>& w, int wPitch, int columns, int k) {
  addParts(sum, x, pitch, rows, w, wPitch, columns, k);
  sumLanes(sum);
}
