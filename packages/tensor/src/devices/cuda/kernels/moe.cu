/**
 * Router: a warp a token. scores = sigmoid(logits); the k largest of scores + bias, ties to the lower index, NaN never chosen before a
 * number. loads are counts, whose float sums are exact in any order below 2^24.
 */
extern "C" __global__ void routeForward(
    const T_logits* logits, const T_bias* bias, T_scores* scores, int* indices, T_weights* weights, T_loads* loads, int rows, int experts, int k,
    int normalize, float scaling) {
  i64 t = (i64)blockIdx.x * (blockDim.x >> 5) + (threadIdx.x >> 5);
  int lane = threadIdx.x & 31;
  if (t >= rows) return;
  for (int e = lane; e < experts; e += 32) scores[t * experts + e] = sigmoid(logits[t * experts + e]);
  __syncwarp();
  float sum = 0.0f, lastValue = INFINITY;
  int lastIndex = -1;
  for (int j = 0; j < k; j++) {
    // The best after the last one in the order (value descending, index ascending).
    float bestValue = -INFINITY;
    int best = experts;
    for (int e = lane; e < experts; e += 32) {
      float value = scores[t * experts + e] + bias[e];
      if (value != value) value = -INFINITY;
      bool after = value < lastValue || (value == lastValue && e > lastIndex);
      if (after && (value > bestValue || best == experts)) {
        bestValue = value;
        best = e;
      }
    }
    for (int offset = 16; offset > 0; offset >>= 1) {
      float otherValue = __shfl_xor_sync(~0u, bestValue, offset);
      int other = __shfl_xor_sync(~0u, best, offset);
      if (other < experts && (best == experts || otherValue > bestValue || (otherValue == bestValue && other < best))) {
        bestValue = otherValue;
        best = other;
      }
    }
    lastValue = bestValue;
    lastIndex = best;
    if (lane == 0) indices[t * k + j] = best;
    sum += scores[t * experts + best];
  }
  __syncwarp();
  for (int j = lane; j < k; j += 32) {
    int e = indices[t * k + j];
    weights[t * k + j] = scores[t * experts + e] / (normalize ? sum + 1e-20f : 1.0f) * scaling;
    atomicAdd(loads + e, 1.0f);
  }
}

extern "C" __global__ void routeBackward(
    const T_dweights* dweights, const T_scores* scores, const int* indices, T_dlogits* dlogits, int rows, int experts, int k, int normalize,
    float scaling, int accumulate) {
  i64 t = (i64)blockIdx.x * (blockDim.x >> 5) + (threadIdx.x >> 5);
  int lane = threadIdx.x & 31;
  if (t >= rows) return;
  if (!accumulate) for (int e = lane; e < experts; e += 32) dlogits[t * experts + e] = 0.0f;
  __syncwarp();
  float sum = 1e-20f, dot = 0.0f;
  for (int j = 0; j < k; j++) {
    float s = scores[t * experts + indices[t * k + j]];
    sum += s;
    dot += dweights[t * k + j] * s;
  }
  for (int j = lane; j < k; j += 32) {
    int e = indices[t * k + j];
    float s = scores[t * experts + e], d = dweights[t * k + j];
    float dscore = scaling * (normalize ? d / sum - dot / (sum * sum) : d);
    dlogits[t * experts + e] += dscore * s * (1.0f - s);
  }
}

// A stable counting sort: blocks take runs of `share` choices, a multiple of 256. counts [blocks, experts].

/** counts: how many choices of each expert a run has. `experts` integers of dynamic shared memory. */
extern "C" __global__ void __launch_bounds__(256) countChoices(const int* indices, int* counts, int n, int experts, int share) {
  extern __shared__ int mine[];
  for (int e = threadIdx.x; e < experts; e += 256) mine[e] = 0;
  __syncthreads();
  int first = blockIdx.x * share, last = first + share < n ? first + share : n;
  for (int i = first + threadIdx.x; i < last; i += 256) atomicAdd(mine + indices[i], 1);
  __syncthreads();
  for (int e = threadIdx.x; e < experts; e += 256) counts[blockIdx.x * experts + e] = mine[e];
}

/** counts become the number of an expert's choices in the runs before; offsets [experts + 1]. One block, `experts` integers of shared memory. */
extern "C" __global__ void __launch_bounds__(256) offsetsOfCounts(int* counts, int* offsets, int experts, int blocks) {
  extern __shared__ int totals[];
  for (int e = threadIdx.x; e < experts; e += 256) {
    int before = 0;
#pragma unroll 8
    for (int b = 0; b < blocks; b++) {
      int own = counts[b * experts + e];
      counts[b * experts + e] = before;
      before += own;
    }
    totals[e] = before;
  }
  __syncthreads();
  if (threadIdx.x >= 32) return;
  int lane = threadIdx.x, carried = 0;
  for (int first = 0; first < experts; first += 32) {
    int e = first + lane, own = e < experts ? totals[e] : 0, sum = own;
    for (int offset = 1; offset < 32; offset <<= 1) {
      int other = __shfl_up_sync(~0u, sum, offset);
      if (lane >= offset) sum += other;
    }
    if (e < experts) offsets[e] = carried + sum - own;
    carried += __shfl_sync(~0u, sum, 31);
  }
  if (lane == 0) offsets[experts] = carried;
}

/** order and inverse: 256 choices at a time, ranked within a warp by votes and among the warps in order. 9 · experts integers of shared memory. */
extern "C" __global__ void __launch_bounds__(256) placeChoices(
    const int* indices, const int* counts, const int* offsets, int* order, int* inverse, int n, int experts, int share) {
  extern __shared__ int shared[];
  int* next = shared;            // [experts]: row of the next choice
  int* ofWarp = shared + experts;  // [8, experts]: choices of a warp
  int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  for (int e = threadIdx.x; e < experts; e += 256) next[e] = offsets[e] + counts[blockIdx.x * experts + e];
  int first = blockIdx.x * share, last = first + share < n ? first + share : n;
  for (int tile = first; tile < last; tile += 256) {
    for (int at = threadIdx.x; at < 8 * experts; at += 256) ofWarp[at] = 0;
    __syncthreads();
    int i = tile + threadIdx.x, e = i < last ? indices[i] : -1;
    u32 same = __match_any_sync(~0u, e);
    int rank = __popc(same & ((1u << lane) - 1));
    if (e >= 0 && rank == 0) ofWarp[warp * experts + e] = __popc(same);
    __syncthreads();
    if (e >= 0) {
      int row = next[e] + rank;
      for (int w = 0; w < warp; w++) row += ofWarp[w * experts + e];
      order[row] = i;
      inverse[i] = row;
    }
    __syncthreads();
    for (int x = threadIdx.x; x < experts; x += 256)
      for (int w = 0; w < 8; w++) next[x] += ofWarp[w * experts + x];
    __syncthreads();
  }
}

extern "C" __global__ void permute(const T_x* x, const int* order, T_y* y, int n, int dim, int k) {
  if (dim % 8 == 0) {
    int units = dim / 8;
    GRID_LOOP(at, (i64)n * units) {
      i64 r = at / units, c = (at - r * units) * 8;
      store8(y + r * dim + c, load8(x + (i64)(order[r] / k) * dim + c));
    }
    return;
  }
  GRID_LOOP(at, (i64)n * dim) {
    i64 r = at / dim, c = at - r * dim;
    y[at] = x[(i64)(order[r] / k) * dim + c];
  }
}

extern "C" __global__ void permuteBackward(const T_dy* dy, const int* inverse, T_dx* dx, int rows, int dim, int k, int accumulate) {
  if (dim % 8 == 0) {
    int units = dim / 8;
    GRID_LOOP(at, (i64)rows * units) {
      i64 t = at / units, c = (at - t * units) * 8;
      Eight sum = {};
      for (int j = 0; j < k; j++) {
        Eight d = load8(dy + (i64)inverse[t * k + j] * dim + c);
#pragma unroll
        for (int i = 0; i < 8; i++) sum.v[i] += d.v[i];
      }
      put8(dx + t * dim + c, sum, accumulate);
    }
    return;
  }
  GRID_LOOP(at, (i64)rows * dim) {
    i64 t = at / dim, c = at - t * dim;
    float sum = 0.0f;
    for (int j = 0; j < k; j++) sum += dy[(i64)inverse[t * k + j] * dim + c];
    put(dx, at, sum, accumulate);
  }
}

extern "C" __global__ void unpermute(
    const T_y* y, const T_weights* weights, const int* inverse, T_out* out, int rows, int dim, int k, int accumulate) {
  if (dim % 8 == 0) {
    int units = dim / 8;
    GRID_LOOP(at, (i64)rows * units) {
      i64 t = at / units, c = (at - t * units) * 8;
      Eight sum = {};
      for (int j = 0; j < k; j++) {
        float weight = weights[t * k + j];
        Eight v = load8(y + (i64)inverse[t * k + j] * dim + c);
#pragma unroll
        for (int i = 0; i < 8; i++) sum.v[i] += weight * v.v[i];
      }
      put8(out + t * dim + c, sum, accumulate);
    }
    return;
  }
  GRID_LOOP(at, (i64)rows * dim) {
    i64 t = at / dim, c = at - t * dim;
    float sum = 0.0f;
    for (int j = 0; j < k; j++) sum += weights[t * k + j] * y[(i64)inverse[t * k + j] * dim + c];
    put(out, at, sum, accumulate);
  }
}

/** A block a choice. */
extern "C" __global__ void unpermuteBackward(
    const T_dout* dout, const T_y* y, const T_weights* weights, const int* inverse, T_dy* dy, T_dweights* dweights, int rows, int dim, int k) {
  i64 choice = blockIdx.x, token = choice / k, row = inverse[choice];
  float weight = weights[choice], dot = 0.0f;
  if (dim % 8 == 0) {
    for (int c = threadIdx.x * 8; c < dim; c += blockDim.x * 8) {
      Eight d = load8(dout + token * dim + c), v = load8(y + row * dim + c);
#pragma unroll
      for (int i = 0; i < 8; i++) {
        dot += d.v[i] * v.v[i];
        d.v[i] *= weight;
      }
      store8(dy + row * dim + c, d);
    }
  } else {
    for (int c = threadIdx.x; c < dim; c += blockDim.x) {
      float d = dout[token * dim + c];
      dot += d * y[row * dim + c];
      dy[row * dim + c] = weight * d;
    }
  }
  dot = blockSum(dot);
  if (threadIdx.x == 0) dweights[choice] = dot;
}

/** One block. */
extern "C" __global__ void balanceBias(T_bias* bias, T_loads* loads, int experts, float rate) {
  float sum = 0.0f;
  for (int e = threadIdx.x; e < experts; e += blockDim.x) sum += loads[e];
  float mean = blockSum(sum) / experts, drift = 0.0f;
  for (int e = threadIdx.x; e < experts; e += blockDim.x) {
    float d = mean - loads[e];
    drift += d > 0.0f ? rate : d < 0.0f ? -rate : 0.0f;
  }
  drift = blockSum(drift) / experts;
  for (int e = threadIdx.x; e < experts; e += blockDim.x) {
    float d = mean - loads[e];
    bias[e] += (d > 0.0f ? rate : d < 0.0f ? -rate : 0.0f) - drift;
    loads[e] = 0.0f;
  }
}
