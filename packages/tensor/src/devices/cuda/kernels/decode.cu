// A decoding step's kernels for few rows (src/kernels/decode.ts): as few as there are points at which all blocks must wait for
// one another, since at one row the waiting costs as much as the weights. Weights are bf16 or e4m3, sums f32.

#include "few-rows.cuh"

/** The normed rows xs [ROWS, dim] in shared memory: their products with one of the matrices, whose columns the block begins at `column`. */
template <class W, class Y>
__device__ __forceinline__ void normProduct(
    bf16* xs, const T_x* x, const float* weight, T_normed* normed, const W* w, Y* y, int rows, int dim, int n, int column, float eps) {
  int lane = threadIdx.x & 31, columns = n - column < COLUMNS ? n - column : COLUMNS;
  WeightRows<W> own = rowsOf(w, 0, n, dim, column < n ? column : 0);
  // The first weights are on their way while the rows are normed.
  Loaded<W, underWay, COLUMNS> early;
  loadWeights(early, own, dim, columns, lane * 8, 256, dim);
  waitForInputs();
  for (int r = 0; r < rows; r++) {
    float squares = 0.0f;
    for (int c = threadIdx.x * 8; c < dim; c += 1024) {
      Eight v = load8(x + (i64)r * dim + c);
#pragma unroll
      for (int i = 0; i < 8; i++) squares += v.v[i] * v.v[i];
    }
    float scale = rsqrtf(blockSum(squares) / dim + eps);
    for (int c = threadIdx.x * 8; c < dim; c += 1024) {
      Eight v = load8(x + (i64)r * dim + c), g = load8(weight + c);
#pragma unroll
      for (int i = 0; i < 8; i++) v.v[i] *= scale * g.v[i];
      store8(xs + r * dim + c, v);
      if (normed && blockIdx.x == 0) store8(normed + (i64)r * dim + c, v);
    }
  }
  __syncthreads();
  if (column >= n) return;
  float sum[ROWS][COLUMNS] = {};
  multiplyWeights(sum, early, xs, dim, rows, lane * 8, 256, dim);
  addParts(sum, xs, dim, rows, own, dim, columns, dim, underWay * 256);
  sumLanes(sum);
#pragma unroll
  for (int r = 0; r < ROWS; r++)
#pragma unroll
    for (int j = 0; j < COLUMNS; j++)
      if (lane == r * COLUMNS + j && r < rows && j < columns) y[(i64)r * n + column + j] = sum[r][j];
}

/**
 * grid: 8 columns of w0, then of w1, then of w2 a block; 128 threads. Shared memory: the normed rows, bf16 [ROWS, dim]. Every block norms all rows
 * by itself: they come from the cache, and another kernel would cost more.
 */
extern "C" __global__ void __launch_bounds__(128) normProducts(
    const T_x* x, const float* weight, T_normed* normed, const W_w0* w0, const W_w1* w1, const W_w2* w2, T_y0* y0, T_y1* y1, T_y2* y2, int rows,
    int dim, int n0, int n1, int n2, float eps) {
  extern __shared__ __align__(16) char memory[];
  bf16* xs = (bf16*)memory;
  int warp = threadIdx.x >> 5, b = blockIdx.x, blocks0 = (n0 + 7) / 8, blocks1 = (n1 + 7) / 8;
  auto columnOf = [&](int block) { return (block * WARPS + warp) * COLUMNS; };
  if (b < blocks0) normProduct(xs, x, weight, normed, w0, y0, rows, dim, n0, columnOf(b), eps);
  else if (b < blocks0 + blocks1) normProduct(xs, x, weight, normed, w1, y1, rows, dim, n1, columnOf(b - blocks0), eps);
  else normProduct(xs, x, weight, normed, w2, y2, rows, dim, n2, columnOf(b - blocks0 - blocks1), eps);
}

/** Rotates the interleaved pairs of n elements: cosines and sines of a position. */
template <class X, class Y>
__device__ __forceinline__ void rotatePairs(const X* x, Y* y, int n, int pair, const float* cosines, const float* sines) {
  float even = x[2 * pair], odd = x[2 * pair + 1], c = cosines[pair], s = sines[pair];
  y[2 * pair] = even * c - odd * s;
  y[2 * pair + 1] = even * s + odd * c;
}

/** Columns of keys that a warp takes: as many as its registers hold. */
#define KEYS (ROWS > 4 ? 4 : 8)
/** grid: 4 · KEYS columns of a head's keys a block, heads after one another; then a block for each row's norm and rotations. 128 threads. */
extern "C" __global__ void __launch_bounds__(128) latentInputs(
    const T_q* q, const T_kv* kv, const float* norm, const bf16* keys, const int* positions, const float* cosines, const float* sines,
    const int* slots, T_absorbed* absorbed, T_cache* cache, int rows, int heads, int nope, int latent, int ropeDim, int slotCount, float eps) {
  waitForInputs();
  int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, width = latent + ropeDim, perHead = (latent + 4 * KEYS - 1) / (4 * KEYS);
  if ((int)blockIdx.x < heads * perHead) {
    int h = blockIdx.x / perHead, column = ((blockIdx.x % perHead) * 4 + warp) * KEYS;
    if (column >= latent) return;
    int columns = latent - column < KEYS ? latent - column : KEYS;
    float sum[ROWS][KEYS] = {};
    addProducts(sum, q + h * (nope + ropeDim), heads * (nope + ropeDim), rows, rowsOf(keys, h, latent, nope, column), nope, columns, nope);
#pragma unroll
    for (int r = 0; r < ROWS; r++)
#pragma unroll
      for (int j = 0; j < KEYS; j++)
        if (lane == (r * KEYS + j) % 32 && r < rows && j < columns) absorbed[((i64)r * heads + h) * width + column + j] = sum[r][j];
    return;
  }
  int r = blockIdx.x - heads * perHead, half = ropeDim / 2, slot = slots[r];
  const float *c = cosines + (i64)positions[r] * half, *s = sines + (i64)positions[r] * half;
  for (int at = threadIdx.x; at < heads * half; at += 128) {
    int h = at / half, pair = at - h * half;
    i64 head = (i64)r * heads + h;
    rotatePairs(q + head * (nope + ropeDim) + nope, absorbed + head * width + latent, ropeDim, pair, c, s);
  }
  const T_kv* row = kv + (i64)r * width;
  float squares = 0.0f;
  for (int i = threadIdx.x; i < latent; i += 128) squares += row[i] * row[i];
  float scale = rsqrtf(blockSum(squares) / latent + eps);
  if (slot < 0 || slot >= slotCount) return;
  T_cache* to = cache + (i64)slot * width;
  for (int i = threadIdx.x; i < latent; i += 128) to[i] = row[i] * scale * norm[i];
  for (int pair = threadIdx.x; pair < half; pair += 128) rotatePairs(row + latent, to + latent, ropeDim, pair, c, s);
}

#ifdef EXPERTS
#define OWN ((EXPERTS + 31) / 32)
/**
 * grid (n / 8, rows · k), 128 threads. Each warp routes its row by itself: a few hundred cycles, where a kernel of its own would be
 * waited for. The first block of a row writes the routing. Compiled for a number of EXPERTS.
 */
extern "C" __global__ void __launch_bounds__(128) routedGates(
    const T_x* x, const float* logits, const float* bias, const W_gate* gate, const W_up* up, int* indices, float* weights, float* loads, T_y* y,
    int k, int n, int dim, int normalize, float scaling) {
  waitForInputs();
  int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, choice = blockIdx.y, t = choice / k, which = choice - t * k;
  float score[OWN], biased[OWN];
  u32 taken = 0;
#pragma unroll
  for (int i = 0; i < OWN; i++) {
    int e = i * 32 + lane;
    score[i] = e < EXPERTS ? sigmoid(logits[(i64)t * EXPERTS + e]) : 0.0f;
    biased[i] = e < EXPERTS ? score[i] + bias[e] : -INFINITY;
    if (biased[i] != biased[i]) biased[i] = -INFINITY;
    if (e >= EXPERTS) taken |= 1u << i;
  }
  int mine = 0, expert = 0;
  float mineScore = 0.0f, total = 0.0f;
  for (int j = 0; j < k; j++) {
    // The largest left, ties to the lower index.
    float bestValue = -INFINITY, bestScore = 0.0f;
    int best = EXPERTS;
#pragma unroll
    for (int i = 0; i < OWN; i++) {
      if (!(taken >> i & 1) && (best == EXPERTS || biased[i] > bestValue)) {
        bestValue = biased[i];
        bestScore = score[i];
        best = i * 32 + lane;
      }
    }
    for (int offset = 16; offset > 0; offset >>= 1) {
      float otherValue = __shfl_xor_sync(~0u, bestValue, offset), otherScore = __shfl_xor_sync(~0u, bestScore, offset);
      int other = __shfl_xor_sync(~0u, best, offset);
      if (other < EXPERTS && (best == EXPERTS || otherValue > bestValue || (otherValue == bestValue && other < best))) {
        bestValue = otherValue;
        bestScore = otherScore;
        best = other;
      }
    }
    if ((best & 31) == lane) taken |= 1u << (best >> 5);
    if (lane == j) {
      mine = best;
      mineScore = bestScore;
    }
    if (j == which) expert = best;
    total += bestScore;
  }
  if (blockIdx.x == 0 && which == 0 && warp == 0 && lane < k) {
    indices[t * k + lane] = mine;
    weights[t * k + lane] = mineScore / (normalize ? total + 1e-20f : 1.0f) * scaling;
    atomicAdd(loads + mine, 1.0f);
  }
  int column = (blockIdx.x * WARPS + warp) * COLUMNS;
  if (column >= n) return;
  int columns = n - column < COLUMNS ? n - column : COLUMNS;
  WeightRows<W_gate> gateRows = rowsOf(gate, expert, n, dim, column);
  WeightRows<W_up> upRows = rowsOf(up, expert, n, dim, column);
  const T_x* row = x + (i64)t * dim;
  float gates[1][COLUMNS] = {}, ups[1][COLUMNS] = {};
  constexpr int together = 2;
  for (int c = lane * 8; c < dim; c += 256 * together) {
    Loaded<W_gate, together, COLUMNS> g;
    Loaded<W_up, together, COLUMNS> u;
    loadWeights(g, gateRows, dim, columns, c, 256, dim);
    loadWeights(u, upRows, dim, columns, c, 256, dim);
    multiplyWeights(gates, g, row, 0, 1, c, 256, dim);
    multiplyWeights(ups, u, row, 0, 1, c, 256, dim);
  }
#pragma unroll
  for (int j = 0; j < COLUMNS; j++) {
    float g = warpSum(gates[0][j]), u = warpSum(ups[0][j]);
    if (lane == j && j < columns) y[(i64)choice * n + column + j] = g * sigmoid(g) * u;
  }
}
#endif

/**
 * grid (dim / 2, rows), 128 threads: a block makes two outputs, its warps share the inner sums of the shared expert and of the routed ones.
 */
extern "C" __global__ void __launch_bounds__(128, 8) downProducts(
    const T_residual* residual, const T_y* y, const int* indices, const float* weights, const W_down* down, const T_gate* gate, const T_up* up,
    const W_sharedDown* sharedDown, T_out* out, int dim, int k, int n, int m) {
  __shared__ float found[WARPS][COLUMNS];
  int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, column = blockIdx.x * COLUMNS, t = blockIdx.y;
  int columns = dim - column < COLUMNS ? dim - column : COLUMNS, units = n / 8;
  float sum[COLUMNS] = {};
  // The shared expert's weights are on their way before the rows are there.
  constexpr int together = 3;
  Loaded<W_sharedDown, together, COLUMNS> shared;
  WeightRows<W_sharedDown> sharedRows = rowsOf(sharedDown, 0, dim, m, column);
  loadWeights(shared, sharedRows, m, columns, threadIdx.x * 8, 1024, m);
  waitForInputs();
  const T_gate* g = gate + (i64)t * m;
  const T_up* u = up + (i64)t * m;
  for (int first = threadIdx.x * 8; first < m; first += 1024 * together) {
    if (first >= 1024 * together) loadWeights(shared, sharedRows, m, columns, first, 1024, m);
#pragma unroll
    for (int part = 0; part < together; part++) {
      int c = first + part * 1024;
      if (c >= m) continue;
      Eight a = load8(g + c), b = load8(u + c);
#pragma unroll
      for (int i = 0; i < 8; i++) {
        // Rounded as a tensor of activations between them would be.
        bf16 inner;
        inner = a.v[i] * sigmoid(a.v[i]) * b.v[i];
        a.v[i] = inner;
      }
#pragma unroll
      for (int j = 0; j < COLUMNS; j++) addEight(sum[j], a, eightOf(shared.part[part][j]), shared, part);
    }
  }
  // All experts' rows as one: unit u is eight elements of the (u / units)-th.
  for (int first = threadIdx.x; first < k * units; first += 128 * together) {
    Loaded<W_down, together, COLUMNS> parts;
    int choices[together], at[together];
#pragma unroll
    for (int b = 0; b < together; b++) {
      int unit = first + b * 128 < k * units ? first + b * 128 : first;
      choices[b] = t * k + unit / units;
      at[b] = unit % units * 8;
      WeightRows<W_down> rows = rowsOf(down, indices[choices[b]], dim, n, column);
      loadEight(parts, b, rows, n, columns, at[b], true);
      loadScale(parts, b, rows, at[b], true);
    }
#pragma unroll
    for (int b = 0; b < together; b++) {
      if (first + b * 128 >= k * units) continue;
      float weight = weights[choices[b]];
      Eight v = load8(y + (i64)choices[b] * n + at[b]);
#pragma unroll
      for (int i = 0; i < 8; i++) v.v[i] *= weight;
#pragma unroll
      for (int j = 0; j < COLUMNS; j++) addEight(sum[j], v, eightOf(parts.part[b][j]), parts, b);
    }
  }
#pragma unroll
  for (int j = 0; j < COLUMNS; j++) {
    float total = warpSum(sum[j]);
    if (lane == 0) found[warp][j] = total;
  }
  __syncthreads();
  if (threadIdx.x >= columns) return;
  i64 at = (i64)t * dim + column + threadIdx.x;
  float total = residual[at];
  for (int w = 0; w < WARPS; w++) total += found[w][threadIdx.x];
  out[at] = total;
}
