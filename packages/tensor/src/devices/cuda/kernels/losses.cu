extern "C" __global__ void countTargets(const int* targets, T_count* count, T_inverse* inverse, int n, int ignore) {
  float mine = 0.0f;
  for (int i = threadIdx.x; i < n; i += blockDim.x) mine += targets[i] != ignore ? 1.0f : 0.0f;
  float total = blockSum(mine);
  if (threadIdx.x == 0) {
    count[0] = total;
    inverse[0] = 1.0f / fmaxf(total, 1.0f);
  }
}

/** Adds a value to a running maximum and the sum of exponentials below it. */
__device__ __forceinline__ void addExponential(float value, float& most, float& sum) {
  if (value > most) {
    sum *= expf(most - value);
    most = value;
  }
  sum += value == -INFINITY ? 0.0f : expf(value - most);
}

/**
 * Softmax cross-entropy of a row by a block: one read for maximum and sum together, one (from the cache) for the gradient. dx may be null,
 * or x, and may be of another type only where it is not x.
 */
extern "C" __global__ void crossEntropy(
    const T_x* x, const int* targets, T_loss* loss, T_dx* dx, int rows, int vocab, int ignore, float zLoss) {
  i64 r = blockIdx.x;
  const T_x* row = x + r * vocab;
  T_dx* drow = dx + r * vocab;
  int target = targets[r], whole = vocab % 8 == 0 ? vocab : 0;
  if (target == ignore) {
    if (threadIdx.x == 0) loss[r] = 0.0f;
    if (dx) for (int c = threadIdx.x; c < vocab; c += blockDim.x) drow[c] = 0.0f;
    return;
  }
  float most = -INFINITY, sum = 0.0f;
#pragma unroll 2
  for (int c = threadIdx.x * 8; c < whole; c += blockDim.x * 8) {
    Eight v = load8(row + c);
    float top = fmaxf(fmaxf(fmaxf(v.v[0], v.v[1]), fmaxf(v.v[2], v.v[3])), fmaxf(fmaxf(v.v[4], v.v[5]), fmaxf(v.v[6], v.v[7])));
    if (top > most) {
      sum *= expf(most - top);
      most = top;
    }
    // Without a branch NaN stays in the sum, and −∞ out of it while it is all there is.
#pragma unroll
    for (int i = 0; i < 8; i++) sum += v.v[i] == -INFINITY ? 0.0f : expf(v.v[i] - most);
  }
  for (int c = whole + threadIdx.x; c < vocab; c += blockDim.x) addExponential(row[c], most, sum);
  float top = blockMax(most);
  sum = blockSum(most == -INFINITY ? sum : sum * expf(most - top));
  float lse = top + logf(sum);
  float atTarget = row[target];
  __syncthreads();
  if (threadIdx.x == 0) loss[r] = lse - atTarget + zLoss * lse * lse;
  if (!dx) return;
  float factor = 1.0f + 2.0f * zLoss * lse;
  for (int c = threadIdx.x * 8; c < whole; c += blockDim.x * 8) {
    Eight v = load8(row + c);
#pragma unroll
    for (int i = 0; i < 8; i++) v.v[i] = expf(v.v[i] - lse) * factor - (c + i == target ? 1.0f : 0.0f);
    store8(drow + c, v);
  }
  for (int c = whole + threadIdx.x; c < vocab; c += blockDim.x)
    drow[c] = expf(row[c] - lse) * factor - (c == target ? 1.0f : 0.0f);
}

extern "C" __global__ void bceForward(const T_x* x, const T_target* target, T_loss* loss, int n) {
  GRID_LOOP(i, n) loss[i] = fmaxf(x[i], 0.0f) - x[i] * target[i] + log1pf(expf(-fabsf(x[i])));
}

extern "C" __global__ void bceBackward(const T_dy* dy, const T_x* x, const T_target* target, T_dx* dx, int n, int accumulate) {
  GRID_LOOP(i, n) put(dx, i, dy[i] * (sigmoid(x[i]) - target[i]), accumulate);
}

extern "C" __global__ void gatherRows(const T_table* table, const int* ids, T_y* y, int rows, int dim, int vocab) {
  if (dim % 8 == 0) {
    int units = dim / 8;
    GRID_LOOP(at, (i64)rows * units) {
      i64 r = at / units, c = (at - r * units) * 8;
      int id = ids[r];
      Eight v = {};
      if (id >= 0 && id < vocab) v = load8(table + (i64)id * dim + c);
      store8(y + r * dim + c, v);
    }
    return;
  }
  GRID_LOOP(at, (i64)rows * dim) {
    i64 r = at / dim, c = at - r * dim;
    int id = ids[r];
    y[at] = id >= 0 && id < vocab ? table[(i64)id * dim + c] : 0.0f;
  }
}

/**
 * dtable[ids[r]] += dy[r] in the order of the rows: a block for each id of the table looks through all rows, and adds those that are
 * its own one after the other. Rows whose id no block has are skipped.
 */
extern "C" __global__ void scatterAddRows(const T_dy* dy, const int* ids, T_dtable* dtable, int rows, int dim, int vocab) {
  __shared__ int found[256];
  __shared__ int warpCounts[8];
  int id = blockIdx.x, lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  for (i64 first = 0; first < rows; first += blockDim.x) {
    i64 r = first + threadIdx.x;
    bool mine = r < rows && ids[r] == id;
    u32 votes = __ballot_sync(~0u, mine);
    if (lane == 0) warpCounts[warp] = __popc(votes);
    __syncthreads();
    int before = 0, total = 0;
    for (int w = 0; w < 8; w++) {
      if (w < warp) before += warpCounts[w];
      total += warpCounts[w];
    }
    if (mine) found[before + __popc(votes & ((1u << lane) - 1))] = (int)r;
    __syncthreads();
    for (int f = 0; f < total; f++) {
      i64 from = (i64)found[f] * dim;
      for (int c = threadIdx.x; c < dim; c += blockDim.x) put(dtable, (i64)id * dim + c, dy[from + c], 1);
    }
    __syncthreads();
  }
}

extern "C" __global__ void gatherColumns(const T_x* x, const int* index, T_y* y, int rows, int columns, int k) {
  GRID_LOOP(at, (i64)rows * k) y[at] = x[(at / k) * columns + index[at]];
}

/** A thread a row: equal indices of a row are added in order. */
extern "C" __global__ void scatterAddColumns(const T_dy* dy, const int* index, T_dx* dx, int rows, int columns, int k) {
  GRID_LOOP(r, rows) for (int j = 0; j < k; j++) put(dx, r * columns + index[r * k + j], dy[r * k + j], 1);
}
