/** Rotary embedding of interleaved pairs; a thread takes two columns. */
extern "C" __global__ void rope(
    const T_x* x, T_y* y, const int* positions, const T_cos* cos, const T_sin* sin, int rows, int heads, int headDim, int start,
    int ropeDim, int maxPositions, int inverse, int accumulate) {
  int half = ropeDim / 2, plain = headDim - ropeDim, units = half + plain;
  if (((headDim | start | ropeDim) & 7) == 0) {
    // Four pairs at a time.
    int eights = headDim / 8;
    GRID_LOOP(at, (i64)rows * heads * eights) {
      i64 row = at / eights;
      int c = (int)(at - row * eights) * 8;
      Eight v = load8(x + row * headDim + c);
      if (c >= start && c < start + ropeDim) {
        i64 table = (i64)positions[row / heads] * half + (c - start) / 2;
#pragma unroll
        for (int i = 0; i < 4; i++) {
          float co = cos[table + i], s = inverse ? -sin[table + i] : sin[table + i], a = v.v[2 * i], b = v.v[2 * i + 1];
          v.v[2 * i] = a * co - b * s;
          v.v[2 * i + 1] = a * s + b * co;
        }
      }
      put8(y + row * headDim + c, v, accumulate);
    }
    return;
  }
  GRID_LOOP(at, (i64)rows * heads * units) {
    i64 row = at / units;
    int unit = (int)(at - row * units), r = (int)(row / heads);
    i64 base = row * headDim;
    if (unit < half) {
      i64 table = (i64)positions[r] * half + unit, even = base + start + 2 * unit;
      float c = cos[table], s = inverse ? -sin[table] : sin[table], a = x[even], b = x[even + 1];
      put(y, even, a * c - b * s, accumulate);
      put(y, even + 1, a * s + b * c, accumulate);
    } else {
      int c = unit - half;
      i64 i = base + (c < start ? c : c + ropeDim);
      put(y, i, x[i], accumulate);
    }
  }
}

extern "C" __global__ void latentCacheWrite(const T_x* x, const int* slots, T_cache* cache, int rows, int width, int slotCount) {
  GRID_LOOP(at, (i64)rows * width) {
    i64 r = at / width;
    int slot = slots[r];
    if (slot >= 0 && slot < slotCount) cache[(i64)slot * width + (at - r * width)] = x[at];
  }
}

#define POSITIONS 256
#define MOST_LATENT 1024

/**
 * MLA over the paged latent cache: a block of 256 threads takes one head of one row, and walks its context in chunks of 256 positions with
 * a running maximum and sum. A warp computes one logit at a time, then every thread adds up its own columns.
 */
extern "C" __global__ void pagedLatentAttention(
    const T_q* q, const T_cache* cache, const int* blockTables, const int* rowSequence, const int* contextLengths, T_out* out, int rows,
    int heads, int latent, int ropeDim, int blockSize, int maxBlocks, float scale) {
  __shared__ float weights[POSITIONS];
  __shared__ i64 at[POSITIONS];
  int r = blockIdx.y, h = blockIdx.x, lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  int width = latent + ropeDim, length = contextLengths[r];
  const T_q* query = q + ((i64)r * heads + h) * width;
  const int* table = blockTables + (i64)rowSequence[r] * maxBlocks;
  float most = -INFINITY, sum = 0.0f, acc[MOST_LATENT / POSITIONS];
  for (int p = 0; p < MOST_LATENT / POSITIONS; p++) acc[p] = 0.0f;
  for (int first = 0; first < length; first += POSITIONS) {
    int count = length - first < POSITIONS ? length - first : POSITIONS;
    __syncthreads();
    if (threadIdx.x < count) {
      int j = first + threadIdx.x;
      at[threadIdx.x] = ((i64)table[j / blockSize] * blockSize + j % blockSize) * width;
    }
    __syncthreads();
    for (int j = warp; j < count; j += POSITIONS / 32) {
      float dot = 0.0f;
      for (int c = lane; c < width; c += 32) dot += query[c] * cache[at[j] + c];
      dot = warpSum(dot);
      if (lane == 0) weights[j] = scale * dot;
    }
    __syncthreads();
    float mine = threadIdx.x < count ? weights[threadIdx.x] : -INFINITY;
    float top = maxNan(most, blockMax(mine)), shrink = most == -INFINITY ? 0.0f : expf(most - top);
    float p = threadIdx.x < count ? expf(mine - top) : 0.0f;
    sum = sum * shrink + blockSum(p);
    most = top;
    if (threadIdx.x < count) weights[threadIdx.x] = p;
    __syncthreads();
#pragma unroll
    for (int part = 0; part < MOST_LATENT / POSITIONS; part++) {
      int c = part * POSITIONS + threadIdx.x;
      if (c >= latent) break;
      float value = acc[part] * shrink;
      for (int j = 0; j < count; j++) value += weights[j] * cache[at[j] + c];
      acc[part] = value;
    }
  }
#pragma unroll
  for (int part = 0; part < MOST_LATENT / POSITIONS; part++) {
    int c = part * POSITIONS + threadIdx.x;
    if (c < latent) out[((i64)r * heads + h) * latent + c] = length > 0 ? acc[part] / sum : 0.0f;
  }
}
