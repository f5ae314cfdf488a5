// MLA over the paged latent cache, in parts: a block takes 16 heads of one row and one part of the row's context, so that each latent is
// read once for all of these heads, and a long context keeps the whole card busy. latent.cu is the plain version.
// Compiled for one size: LATENT and ROPE, multiples of 8, LATENT ≤ 512. partials [rows, heads, splits, LATENT + 2]: sums, maximum, weight.

#define WIDTH (LATENT + ROPE)
#define PITCH (WIDTH + 8)
#define HEADS 16
#define CHUNK 64
#define THREADS 256
#define COLUMNS ((LATENT + THREADS - 1) / THREADS)

/** grid (heads / 16, rows, splits). */
extern "C" __global__ void __launch_bounds__(THREADS) latentPartials(
    const T_q* q, const T_cache* cache, const int* blockTables, const int* rowSequence, const int* contextLengths, float* partials,
    int heads, int blockSize, int maxBlocks, float scale) {
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
    for (int at = threadIdx.x * 8; at < HEADS * WIDTH; at += THREADS * 8) {
      int h = at / WIDTH;
      Eight v = {};
      if (h < count) v = load8(q + ((i64)r * heads + firstHead) * WIDTH + at);
      store8(queries + at, v);
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
    for (int at = threadIdx.x; at < CHUNK * (WIDTH / 8); at += THREADS) {
      int j = at / (WIDTH / 8), c = (at - j * (WIDTH / 8)) * 8;
      Eight v = {};
      if (j < rows) {
        int position = first + j;
        v = load8(cache + ((i64)table[position / blockSize] * blockSize + position % blockSize) * WIDTH + c);
      }
      store8(latents + j * PITCH + c, v);
    }
    __syncthreads();
    // Logits: a thread takes one position and four heads.
    {
      int j = threadIdx.x % CHUNK, h = threadIdx.x / CHUNK * 4;
      float dot[4] = {};
      for (int c = 0; c < WIDTH; c += 8) {
        Eight v = load8(latents + j * PITCH + c);
#pragma unroll
        for (int i = 0; i < 4; i++) {
          Eight u = load8(queries + (h + i) * WIDTH + c);
#pragma unroll
          for (int e = 0; e < 8; e++) dot[i] += u.v[e] * v.v[e];
        }
      }
#pragma unroll
      for (int i = 0; i < 4; i++) weights[(h + i) * CHUNK + j] = j < rows ? scale * dot[i] : -INFINITY;
    }
    __syncthreads();
    // A warp brings two heads' maxima and sums up to date.
#pragma unroll
    for (int i = 0; i < 2; i++) {
      int h = warp * 2 + i;
      float a = weights[h * CHUNK + lane], b = weights[h * CHUNK + 32 + lane];
      float top = maxNan(most[h], warpMax(maxNan(a, b)));
      float pa = expf(a - top), pb = expf(b - top), total = warpSum(pa + pb);
      weights[h * CHUNK + lane] = pa;
      weights[h * CHUNK + 32 + lane] = pb;
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
    float* to = partials + (((i64)r * heads + firstHead + h) * splits + split) * (LATENT + 2);
    if (threadIdx.x == 0) {
      to[LATENT] = most[h];
      to[LATENT + 1] = sum[h];
    }
  }
  if (firstChunk >= lastChunk) return;
#pragma unroll
  for (int h = 0; h < HEADS; h++) {
    if (h >= count) break;
    float* to = partials + (((i64)r * heads + firstHead + h) * splits + split) * (LATENT + 2);
#pragma unroll
    for (int c = 0; c < COLUMNS; c++) {
      int column = c * THREADS + threadIdx.x;
      if (column < LATENT) to[column] = acc[h][c];
    }
  }
}

/** out [rows, heads, LATENT]. grid (heads, rows). A row without context gives zeros; parts without any were not written. */
extern "C" __global__ void __launch_bounds__(THREADS) latentCombine(const float* partials, T_out* out, int heads, int splits) {
  i64 unit = (i64)blockIdx.y * heads + blockIdx.x;
  const float* from = partials + unit * splits * (LATENT + 2);
  float top = -INFINITY, total = 0.0f;
  for (int s = 0; s < splits; s++) top = maxNan(top, from[s * (LATENT + 2) + LATENT]);
  float acc[COLUMNS] = {};
  for (int s = 0; s < splits; s++) {
    const float* part = from + s * (LATENT + 2);
    if (part[LATENT + 1] == 0.0f) continue;
    float factor = expf(part[LATENT] - top);
    total += factor * part[LATENT + 1];
#pragma unroll
    for (int c = 0; c < COLUMNS; c++) {
      int column = c * THREADS + threadIdx.x;
      if (column < LATENT) acc[c] += factor * part[column];
    }
  }
#pragma unroll
  for (int c = 0; c < COLUMNS; c++) {
    int column = c * THREADS + threadIdx.x;
    if (column < LATENT) out[unit * LATENT + column] = total == 0.0f ? 0.0f : acc[c] / total;
  }
}
