// A decoding step's kernels for few rows (kernels.ts, "Decoding of few rows"): as few as there are points at which all blocks must wait for
// one another, since at one row the waiting costs as much as the weights. Weights are bf16, sums f32.

/** First inner elements that a warp reads of its weights before it waits for the norm. */
#define EARLY 4

/**
 * grid: 8 columns of w0, then of w1, then of w2 a block; 128 threads. Shared memory: the normed rows, bf16 [ROWS, dim]. Every block norms all rows
 * by itself: they come from the cache, and another kernel would cost more.
 */
extern "C" __global__ void __launch_bounds__(128) normProducts(
    const T_x* x, const float* weight, T_normed* normed, const bf16* w0, const bf16* w1, const bf16* w2, T_y0* y0, T_y1* y1, T_y2* y2, int rows,
    int dim, int n0, int n1, int n2, float eps) {
  extern __shared__ __align__(16) char memory[];
  bf16* xs = (bf16*)memory;
  int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, b = blockIdx.x, blocks0 = (n0 + 7) / 8, blocks1 = (n1 + 7) / 8;
  int which = b < blocks0 ? 0 : b < blocks0 + blocks1 ? 1 : 2;
  const bf16* w = which == 0 ? w0 : which == 1 ? w1 : w2;
  int n = which == 0 ? n0 : which == 1 ? n1 : n2;
  int column = ((b - (which == 0 ? 0 : which == 1 ? blocks0 : blocks0 + blocks1)) * WARPS + warp) * COLUMNS;
  int columns = n - column < COLUMNS ? n - column : COLUMNS;
  w += (i64)(column < n ? column : 0) * dim;
  uint4 early[EARLY][COLUMNS];
#pragma unroll
  for (int e = 0; e < EARLY; e++)
#pragma unroll
    for (int j = 0; j < COLUMNS; j++) {
      int c = e * 256 + lane * 8;
      early[e][j] = c < dim ? *(const uint4*)(w + (j < columns ? j : 0) * dim + c) : make_uint4(0, 0, 0, 0);
    }
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
      if (normed && b == 0) store8(normed + (i64)r * dim + c, v);
    }
  }
  __syncthreads();
  if (column >= n) return;
  float sum[ROWS][COLUMNS] = {};
#pragma unroll
  for (int e = 0; e < EARLY; e++) {
    int c = e * 256 + lane * 8;
    if (c >= dim) continue;
    Eight weights[COLUMNS];
#pragma unroll
    for (int j = 0; j < COLUMNS; j++) weights[j] = load8((const bf16*)&early[e][j]);
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
      Eight v = load8(xs + (r < rows ? r : 0) * dim + c);
#pragma unroll
      for (int j = 0; j < COLUMNS; j++)
#pragma unroll
        for (int i = 0; i < 8; i++) sum[r][j] += v.v[i] * weights[j].v[i];
    }
  }
  addParts(sum, xs, dim, rows, w, dim, columns, dim, EARLY * 256);
  sumLanes(sum);
#pragma unroll
  for (int r = 0; r < ROWS; r++)
#pragma unroll
    for (int j = 0; j < COLUMNS; j++) {
      if (lane != r * COLUMNS + j || r >= rows || j >= columns) continue;
      i64 at = (i64)r * n + column + j;
      if (which == 0) y0[at] = sum[r][j];
      else if (which == 1) y1[at] = sum[r][j];
      else y2[at] = sum[r][j];
    }
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
  int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, width = latent + ropeDim, perHead = (latent + 4 * KEYS - 1) / (4 * KEYS);
  if ((int)blockIdx.x < heads * perHead) {
    int h = blockIdx.x / perHead, column = ((blockIdx.x % perHead) * 4 + warp) * KEYS;
    if (column >= latent) return;
    int columns = latent - column < KEYS ? latent - column : KEYS;
    float sum[ROWS][KEYS] = {};
    addProducts(sum, q + h * (nope + ropeDim), heads * (nope + ropeDim), rows, keys + ((i64)h * latent + column) * nope, nope, columns, nope);
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
    const T_x* x, const float* logits, const float* bias, const bf16* gate, const bf16* up, int* indices, float* weights, float* loads, T_y* y,
    int k, int n, int dim, int normalize, float scaling) {
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
  i64 first = ((i64)expert * n + column) * dim;
  const T_x* row = x + (i64)t * dim;
  float gates[COLUMNS] = {}, ups[COLUMNS] = {};
#pragma unroll 4
  for (int c = lane * 8; c < dim; c += 256) {
    Eight g[COLUMNS], u[COLUMNS];
#pragma unroll
    for (int j = 0; j < COLUMNS; j++) {
      i64 at = first + (j < columns ? j : 0) * dim + c;
      g[j] = load8(gate + at);
      u[j] = load8(up + at);
    }
    Eight v = load8(row + c);
#pragma unroll
    for (int j = 0; j < COLUMNS; j++)
#pragma unroll
      for (int i = 0; i < 8; i++) {
        gates[j] += v.v[i] * g[j].v[i];
        ups[j] += v.v[i] * u[j].v[i];
      }
  }
#pragma unroll
  for (int j = 0; j < COLUMNS; j++) {
    float g = warpSum(gates[j]), u = warpSum(ups[j]);
    if (lane == j && j < columns) y[(i64)choice * n + column + j] = g * sigmoid(g) * u;
  }
}
#endif

/** grid (dim / 8, rows), 128 threads. */
extern "C" __global__ void __launch_bounds__(128) downProducts(
    const T_residual* residual, const T_y* y, const int* indices, const float* weights, const bf16* down, const T_gate* gate, const T_up* up,
    const bf16* sharedDown, T_out* out, int dim, int k, int n, int m) {
  int lane = threadIdx.x & 31, column = (blockIdx.x * WARPS + (threadIdx.x >> 5)) * COLUMNS, t = blockIdx.y;
  if (column >= dim) return;
  int columns = dim - column < COLUMNS ? dim - column : COLUMNS;
  float sum[COLUMNS] = {};
  const T_gate* g = gate + (i64)t * m;
  const T_up* u = up + (i64)t * m;
#pragma unroll 4
  for (int c = lane * 8; c < m; c += 256) {
    Eight w[COLUMNS];
#pragma unroll
    for (int j = 0; j < COLUMNS; j++) w[j] = load8(sharedDown + (i64)(column + (j < columns ? j : 0)) * m + c);
    Eight a = load8(g + c), b = load8(u + c);
#pragma unroll
    for (int i = 0; i < 8; i++) {
      // Rounded as a tensor of activations between them would be.
      bf16 inner;
      inner = a.v[i] * sigmoid(a.v[i]) * b.v[i];
#pragma unroll
      for (int j = 0; j < COLUMNS; j++) sum[j] += (float)inner * w[j].v[i];
    }
  }
  for (int choice = 0; choice < k; choice++) {
    float weight = weights[t * k + choice];
    i64 first = ((i64)indices[t * k + choice] * dim + column) * n;
    const T_y* row = y + ((i64)t * k + choice) * n;
#pragma unroll 6
    for (int c = lane * 8; c < n; c += 256) {
      Eight v = load8(row + c);
#pragma unroll
      for (int j = 0; j < COLUMNS; j++) {
        Eight w = load8(down + first + (j < columns ? j : 0) * n + c);
#pragma unroll
        for (int i = 0; i < 8; i++) sum[j] += weight * v.v[i] * w.v[i];
      }
    }
  }
#pragma unroll
  for (int j = 0; j < COLUMNS; j++) {
    float total = warpSum(sum[j]);
    i64 at = (i64)t * dim + column + j;
    if (lane == j && j < columns) out[at] = total + (float)residual[at];
  }
}
