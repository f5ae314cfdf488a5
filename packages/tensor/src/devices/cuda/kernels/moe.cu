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

/** How many of the n choices each expert has: a block an expert. counts [experts]. */
extern "C" __global__ void countChoices(const int* indices, int* counts, int n) {
  float mine = 0.0f;
  for (int i = threadIdx.x; i < n; i += blockDim.x) mine += indices[i] == (int)blockIdx.x ? 1.0f : 0.0f;
  float total = blockSum(mine);
  if (threadIdx.x == 0) counts[blockIdx.x] = (int)total;
}

/** offsets [experts + 1] from counts: one warp. */
extern "C" __global__ void offsetsOfCounts(const int* counts, int* offsets, int experts) {
  int lane = threadIdx.x, carried = 0;
  for (int first = 0; first < experts; first += 32) {
    int e = first + lane, own = e < experts ? counts[e] : 0, sum = own;
    for (int offset = 1; offset < 32; offset <<= 1) {
      int other = __shfl_up_sync(~0u, sum, offset);
      if (lane >= offset) sum += other;
    }
    if (e < experts) offsets[e] = carried + sum - own;
    carried += __shfl_sync(~0u, sum, 31);
  }
  if (lane == 0) offsets[experts] = carried;
}

/** order and inverse of a stable sort: a block of 256 an expert walks all choices in order. */
extern "C" __global__ void placeChoices(const int* indices, const int* offsets, int* order, int* inverse, int n) {
  __shared__ int warpCounts[8];
  int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, next = offsets[blockIdx.x];
  for (int first = 0; first < n; first += blockDim.x) {
    int i = first + threadIdx.x;
    bool mine = i < n && indices[i] == (int)blockIdx.x;
    u32 votes = __ballot_sync(~0u, mine);
    if (lane == 0) warpCounts[warp] = __popc(votes);
    __syncthreads();
    int before = 0, total = 0;
    for (int w = 0; w < 8; w++) {
      if (w < warp) before += warpCounts[w];
      total += warpCounts[w];
    }
    if (mine) {
      int row = next + before + __popc(votes & ((1u << lane) - 1));
      order[row] = i;
      inverse[i] = row;
    }
    next += total;
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
