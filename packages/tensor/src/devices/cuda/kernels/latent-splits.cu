// MLA over the paged latent cache, in parts: a block takes 16 heads of one row and one part of the row's context, so that each latent is
// read once for all of these heads, and a long context keeps the whole card busy. latent.cu is the plain version.
// Compiled for one size: LATENT and ROPE, multiples of 8, LATENT ≤ 512. partials [rows, heads, splits, PART]: sums, maximum, weight.

#define WIDTH (LATENT + ROPE)
#define PITCH (WIDTH + 8)
/** Whole 16 bytes. */
#define PART (LATENT + 4)
#define HEADS 16
#define THREADS 256
/** Positions at a time, 16 or 64: few where there would be too few blocks else. */
#ifndef CHUNK
#define CHUNK 64
#endif
/** Heads whose logits a thread makes at one position. */
#define PER_THREAD (HEADS * CHUNK / THREADS)
/** Eights of a chunk that a thread loads, all before it stores one: each is a trip to memory. */
#define LOADS ((CHUNK * (WIDTH / 8) + THREADS - 1) / THREADS)
#define AT_ONCE (LOADS < 9 ? LOADS : 9)
#define COLUMNS ((LATENT + THREADS - 1) / THREADS)

/** grid (heads / 16, rows, splits). */
extern "C" __global__ void __launch_bounds__(THREADS) latentPartials(
    const T_q* q, const T_cache* cache, const int* blockTables, const int* rowSequence, const int* contextLengths, float* partials,
    int heads, int blockSize, int maxBlocks, float scale) {
  waitForInputs();
  extern __shared__ __align__(16) char shared[];
  float* queries = (float*)shared;                        // [HEADS, WIDTH]
  bf16* latents = (bf16*)(queries + HEADS * WIDTH);       // [CHUNK, PITCH]
  float* weights = (float*)(latents + CHUNK * PITCH);     // [HEADS, CHUNK]
  __shared__ float most[HEADS], sum[HEADS], shrink[HEADS];
  int firstHead = blockIdx.x * HEADS, r = blockIdx.y, split = blockIdx.z, splits = gridDim.z;
  int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, count = heads - firstHead < HEADS ? heads - firstHead : HEADS;
  int length = contextLengths[r], chunks = (length + CHUNK - 1) / CHUNK;
  int firstChunk = (int)((i64)chunks * split / splits), lastChunk = (int)((i64)chunks * (split + 1) / splits);
  const int* table = blockTables + (i64)rowSequence[r] * maxBlocks;

  if (firstChunk < lastChunk) {
    constexpr int loads = (HEADS * WIDTH / 8 + THREADS - 1) / THREADS;
    Eight v[loads];
#pragma unroll
    for (int i = 0; i < loads; i++) {
      int at = (i * THREADS + threadIdx.x) * 8;
      v[i] = Eight{};
      if (at < count * WIDTH) v[i] = load8(q + ((i64)r * heads + firstHead) * WIDTH + at);
    }
#pragma unroll
    for (int i = 0; i < loads; i++) {
      int at = (i * THREADS + threadIdx.x) * 8;
      if (at < HEADS * WIDTH) store8(queries + at, v[i]);
    }
  }
  if (threadIdx.x < HEADS) {
    most[threadIdx.x] = -INFINITY;
    sum[threadIdx.x] = 0.0f;
  }
  float acc[HEADS][COLUMNS];
#pragma unroll
  for (int h = 0; h < HEADS; h++)
#pragma unroll
    for (int c = 0; c < COLUMNS; c++) acc[h][c] = 0.0f;

  for (int part = firstChunk; part < lastChunk; part++) {
    int first = part * CHUNK, rows = length - first < CHUNK ? length - first : CHUNK;
    __syncthreads();
    for (int begin = 0; begin < LOADS; begin += AT_ONCE) {
      Eight v[AT_ONCE];
#pragma unroll
      for (int i = 0; i < AT_ONCE; i++) {
        int at = threadIdx.x + (begin + i) * THREADS, j = at / (WIDTH / 8), c = (at - j * (WIDTH / 8)) * 8;
        v[i] = Eight{};
        if (j < rows) {
          int position = first + j;
          v[i] = load8(cache + ((i64)table[position / blockSize] * blockSize + position % blockSize) * WIDTH + c);
        }
      }
#pragma unroll
      for (int i = 0; i < AT_ONCE; i++) {
        int at = threadIdx.x + (begin + i) * THREADS, j = at / (WIDTH / 8), c = (at - j * (WIDTH / 8)) * 8;
        if (j < CHUNK) store8(latents + j * PITCH + c, v[i]);
      }
    }
    __syncthreads();
    // Logits: a thread takes one position and PER_THREAD heads.
    {
      int j = threadIdx.x % CHUNK, h = threadIdx.x / CHUNK * PER_THREAD;
      float dot[PER_THREAD] = {};
#pragma unroll 4
      for (int c = 0; c < WIDTH; c += 8) {
        Eight v = load8(latents + j * PITCH + c);
#pragma unroll
        for (int i = 0; i < PER_THREAD; i++) {
          Eight u = load8(queries + (h + i) * WIDTH + c);
#pragma unroll
          for (int e = 0; e < 8; e++) dot[i] += u.v[e] * v.v[e];
        }
      }
#pragma unroll
      for (int i = 0; i < PER_THREAD; i++) weights[(h + i) * CHUNK + j] = j < rows ? scale * dot[i] : -INFINITY;
    }
    __syncthreads();
    // A warp brings two heads' maxima and sums up to date.
#pragma unroll
    for (int i = 0; i < 2; i++) {
      int h = warp * 2 + i;
      float logit[2], p[2], top = most[h];
#pragma unroll
      for (int half = 0; half < 2; half++) {
        logit[half] = half * 32 + lane < CHUNK ? weights[h * CHUNK + half * 32 + lane] : -INFINITY;
        p[half] = 0.0f;
      }
      top = maxNan(top, warpMax(maxNan(logit[0], logit[1])));
#pragma unroll
      for (int half = 0; half < 2; half++) {
        if (half * 32 + lane >= CHUNK) continue;
        p[half] = expf(logit[half] - top);
        weights[h * CHUNK + half * 32 + lane] = p[half];
      }
      float total = warpSum(p[0] + p[1]);
      __syncwarp();
      if (lane == 0) {
        shrink[h] = most[h] == -INFINITY ? 0.0f : expf(most[h] - top);
        sum[h] = sum[h] * shrink[h] + total;
        most[h] = top;
      }
    }
    __syncthreads();
#pragma unroll
    for (int h = 0; h < HEADS; h++)
#pragma unroll
      for (int c = 0; c < COLUMNS; c++) acc[h][c] *= shrink[h];
    for (int j = 0; j < CHUNK; j += 4) {
      float v[4][COLUMNS];
#pragma unroll
      for (int i = 0; i < 4; i++)
#pragma unroll
        for (int c = 0; c < COLUMNS; c++) {
          int column = c * THREADS + threadIdx.x;
          v[i][c] = column < LATENT ? (float)latents[(j + i) * PITCH + column] : 0.0f;
        }
#pragma unroll
      for (int h = 0; h < HEADS; h++) {
        float4 p = *(const float4*)(weights + h * CHUNK + j);
#pragma unroll
        for (int c = 0; c < COLUMNS; c++) acc[h][c] += p.x * v[0][c] + p.y * v[1][c] + p.z * v[2][c] + p.w * v[3][c];
      }
    }
  }
  __syncthreads();
  for (int h = 0; h < count; h++) {
    float* to = partials + (((i64)r * heads + firstHead + h) * splits + split) * PART;
    if (threadIdx.x == 0) {
      to[LATENT] = most[h];
      to[LATENT + 1] = sum[h];
    }
  }
  if (firstChunk >= lastChunk) return;
#pragma unroll
  for (int h = 0; h < HEADS; h++) {
    if (h >= count) break;
    float* to = partials + (((i64)r * heads + firstHead + h) * splits + split) * PART;
#pragma unroll
    for (int c = 0; c < COLUMNS; c++) {
      int column = c * THREADS + threadIdx.x;
      if (column < LATENT) to[column] = acc[h][c];
    }
  }
}

/** Weights of the parts in `factors` [splits], and 1 / their sum. Parts without any context, and rows without, weigh nothing. */
__device__ __forceinline__ float partFactors(const float* from, float* factors, int splits) {
  float most = -INFINITY, total = 0.0f;
  for (int s = threadIdx.x; s < splits; s += blockDim.x) most = maxNan(most, from[s * PART + LATENT]);
  float top = blockMax(most);
  for (int s = threadIdx.x; s < splits; s += blockDim.x) {
    float weight = from[s * PART + LATENT + 1];
    factors[s] = weight == 0.0f ? 0.0f : expf(from[s * PART + LATENT] - top);
    total += factors[s] * weight;
  }
  total = blockSum(total);
  return total == 0.0f ? 0.0f : 1.0f / total;
}

/** Σ factor · part of the columns first … first + 4 over every `step`-th part from `s` on. Parts that weigh nothing were not written. */
__device__ __forceinline__ float4 combined(const float* from, const float* factors, int splits, int s, int step, int first) {
  float4 sum = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
#pragma unroll 8
  for (; s < splits; s += step) {
    float factor = factors[s];
    float4 value = *(const float4*)(from + (i64)s * PART + first);
    if (factor == 0.0f) continue;
    sum.x += factor * value.x;
    sum.y += factor * value.y;
    sum.z += factor * value.z;
    sum.w += factor * value.w;
  }
  return sum;
}

/** out [rows, heads, LATENT]. grid (heads, rows), 128 threads. splits floats of shared memory. */
extern "C" __global__ void __launch_bounds__(128) latentCombine(const float* partials, T_out* out, int heads, int splits) {
  waitForInputs();
  extern __shared__ float factors[];
  i64 unit = (i64)blockIdx.y * heads + blockIdx.x;
  const float* from = partials + unit * splits * PART;
  float inverse = partFactors(from, factors, splits);
  for (int column = threadIdx.x * 4; column < LATENT; column += 512) {
    float4 sum = combined(from, factors, splits, 0, 1, column);
    T_out* to = out + unit * LATENT + column;
    to[0] = sum.x * inverse;
    to[1] = sum.y * inverse;
    to[2] = sum.z * inverse;
    to[3] = sum.w * inverse;
  }
}

/**
 * out [rows, heads, valueDim] = values_h · the combined latents. grid (heads, rows, parts of valueDim), 256 threads: they take four columns of
 * every SHARES-th part each. splits floats of shared memory.
 */
#define QUARTERS (LATENT / 4)
#define SHARES (QUARTERS >= THREADS ? 1 : THREADS / QUARTERS)
extern "C" __global__ void __launch_bounds__(THREADS) latentValues(
    const float* partials, const bf16* values, T_out* out, int heads, int valueDim, int splits) {
  waitForInputs();
  extern __shared__ float factors[];
  __shared__ __align__(16) float sums[SHARES][LATENT];
  float* latents = sums[0];
  int h = blockIdx.x, lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  i64 unit = (i64)blockIdx.y * heads + h;
  const float* from = partials + unit * splits * PART;
  float inverse = partFactors(from, factors, splits);
  if (threadIdx.x < SHARES * QUARTERS) {
    int share = threadIdx.x / QUARTERS, column = (threadIdx.x - share * QUARTERS) * 4;
    *(float4*)(sums[share] + column) = combined(from, factors, splits, share, SHARES, column);
  }
  __syncthreads();
  for (int column = threadIdx.x; column < LATENT; column += THREADS) {
    float total = 0.0f;
    for (int share = 0; share < SHARES; share++) total += sums[share][column];
    latents[column] = total * inverse;
  }
  __syncthreads();
  int share = (valueDim + gridDim.z - 1) / gridDim.z, first = blockIdx.z * share;
  int last = first + share < valueDim ? first + share : valueDim;
  for (int v = first + warp * 4; v < last; v += THREADS / 32 * 4) {
    float sum[4] = {};
    for (int c = lane * 8; c < LATENT; c += 256) {
      Eight x = load8(latents + c);
#pragma unroll
      for (int j = 0; j < 4; j++) {
        Eight w = load8(values + ((i64)h * valueDim + (v + j < last ? v + j : v)) * LATENT + c);
#pragma unroll
        for (int i = 0; i < 8; i++) sum[j] += x.v[i] * w.v[i];
      }
    }
#pragma unroll
    for (int j = 0; j < 4; j++) {
      float total = warpSum(sum[j]);
      if (lane == j && v + j < last) out[unit * valueDim + v + j] = total;
    }
  }
}
