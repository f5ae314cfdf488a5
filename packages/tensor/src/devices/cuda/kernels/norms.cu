// One block a row. Gradients of weights: partial sums of rows by column, then their sum, in a fixed order.

extern "C" __global__ void rmsNormForward(const T_x* x, const T_weight* weight, T_y* y, T_rstd* rstd, int rows, int dim, float eps) {
  i64 r = blockIdx.x;
  float squares = 0.0f;
  if (dim % 8 == 0) {
    for (int i = threadIdx.x * 8; i < dim; i += blockDim.x * 8) {
      Eight v = load8(x + r * dim + i);
#pragma unroll
      for (int j = 0; j < 8; j++) squares += v.v[j] * v.v[j];
    }
    float scale = rsqrtf(blockSum(squares) / dim + eps);
    if (threadIdx.x == 0) rstd[r] = scale;
    for (int i = threadIdx.x * 8; i < dim; i += blockDim.x * 8) {
      Eight v = load8(x + r * dim + i), w = load8(weight + i);
#pragma unroll
      for (int j = 0; j < 8; j++) v.v[j] *= scale * w.v[j];
      store8(y + r * dim + i, v);
    }
    return;
  }
  for (int i = threadIdx.x; i < dim; i += blockDim.x) squares += x[r * dim + i] * x[r * dim + i];
  float scale = rsqrtf(blockSum(squares) / dim + eps);
  if (threadIdx.x == 0) rstd[r] = scale;
  for (int i = threadIdx.x; i < dim; i += blockDim.x) y[r * dim + i] = x[r * dim + i] * scale * weight[i];
}

extern "C" __global__ void rmsNormBackwardX(
    const T_dy* dy, const T_x* x, const T_weight* weight, const T_rstd* rstd, T_dx* dx, int rows, int dim, int accumulate) {
  i64 r = blockIdx.x;
  float dot = 0.0f;
  if (dim % 8 == 0) {
    for (int i = threadIdx.x * 8; i < dim; i += blockDim.x * 8) {
      Eight d = load8(dy + r * dim + i), v = load8(x + r * dim + i), w = load8(weight + i);
#pragma unroll
      for (int j = 0; j < 8; j++) dot += d.v[j] * w.v[j] * v.v[j];
    }
    float s = rstd[r], factor = s * s * blockSum(dot) / dim;
    for (int i = threadIdx.x * 8; i < dim; i += blockDim.x * 8) {
      Eight d = load8(dy + r * dim + i), v = load8(x + r * dim + i), w = load8(weight + i);
#pragma unroll
      for (int j = 0; j < 8; j++) d.v[j] = s * (d.v[j] * w.v[j] - v.v[j] * factor);
      put8(dx + r * dim + i, d, accumulate);
    }
    return;
  }
  for (int i = threadIdx.x; i < dim; i += blockDim.x) dot += dy[r * dim + i] * weight[i] * x[r * dim + i];
  dot = blockSum(dot);
  float s = rstd[r], factor = s * s * dot / dim;
  for (int i = threadIdx.x; i < dim; i += blockDim.x) {
    i64 at = r * dim + i;
    put(dx, at, s * (dy[at] * weight[i] - x[at] * factor), accumulate);
  }
}

/**
 * Partial sums over a chunk of rows by column: partials [chunks, 2, dim] of dy · (x − mean) · rstd and of dy. mean may be null.
 * grid (columns / 128, chunks), 128 threads.
 */
extern "C" __global__ void normWeightPartials(
    const T_dy* dy, const T_x* x, const T_mean* mean, const T_rstd* rstd, T_partials* partials, int rows, int dim, int rowsPerChunk) {
  int c = blockIdx.x * blockDim.x + threadIdx.x;
  if (c >= dim) return;
  i64 first = (i64)blockIdx.y * rowsPerChunk, last = first + rowsPerChunk < rows ? first + rowsPerChunk : rows;
  float products = 0.0f, sums = 0.0f;
  for (i64 r = first; r < last; r++) {
    float d = dy[r * dim + c];
    products += d * (x[r * dim + c] - (mean ? mean[r] : 0.0f)) * rstd[r];
    sums += d;
  }
  partials[((i64)blockIdx.y * 2) * dim + c] = products;
  partials[((i64)blockIdx.y * 2 + 1) * dim + c] = sums;
}

/**
 * dweight and dbias (either may be null) from the partial sums. grid (columns / 32), 256 threads: warp w sums the chunks w, w + 8, …,
 * a lane a column.
 */
extern "C" __global__ void __launch_bounds__(256) normWeightFinish(
    const T_partials* partials, T_dweight* dweight, T_dbias* dbias, int chunks, int dim, int sums, int accumulateWeight, int accumulateBias) {
  __shared__ float found[2][8][32];
  int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, c = blockIdx.x * 32 + lane;
  for (int which = 0; which < sums; which++) {
    float sum = 0.0f;
    if (c < dim) {
#pragma unroll 8
      for (int chunk = warp; chunk < chunks; chunk += 8) sum += partials[((i64)chunk * sums + which) * dim + c];
    }
    found[which][warp][lane] = sum;
  }
  __syncthreads();
  if (warp >= sums || c >= dim) return;
  float total = 0.0f;
  for (int w = 0; w < 8; w++) total += found[warp][w][lane];
  if (warp == 0 && dweight) put(dweight, c, total, accumulateWeight);
  if (warp == 1 && dbias) put(dbias, c, total, accumulateBias);
}

#ifdef DIM
#define EIGHTS ((DIM + 255) / 256)
#define ROW_WARPS 4
/**
 * Both gradients of an RMS norm in one read of dy and x: a warp walks rows, eight columns at a time in each lane, and keeps the sums of its
 * columns. partials [blocks, DIM]. Compiled for a width DIM, a multiple of 8 up to 2048. Any grid, 128 threads.
 */
extern "C" __global__ void __launch_bounds__(32 * ROW_WARPS) rmsNormBackwardRows(
    const T_dy* dy, const T_x* x, const T_weight* weight, const T_rstd* rstd, T_dx* dx, T_partials* partials, int rows, int accumulate) {
  __shared__ float found[ROW_WARPS][DIM];
  int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  Eight sums[EIGHTS] = {};
  for (i64 r = (i64)blockIdx.x * ROW_WARPS + warp; r < rows; r += (i64)gridDim.x * ROW_WARPS) {
    Eight d[EIGHTS], v[EIGHTS];
    float dot = 0.0f, s = rstd[r];
#pragma unroll
    for (int e = 0; e < EIGHTS; e++) {
      int c = e * 256 + lane * 8;
      if (c >= DIM) continue;
      d[e] = load8(dy + r * DIM + c);
      v[e] = load8(x + r * DIM + c);
    }
#pragma unroll
    for (int e = 0; e < EIGHTS; e++) {
      int c = e * 256 + lane * 8;
      if (c >= DIM) continue;
      Eight w = load8(weight + c);
#pragma unroll
      for (int i = 0; i < 8; i++) {
        sums[e].v[i] += d[e].v[i] * v[e].v[i] * s;
        d[e].v[i] *= w.v[i];
        dot += d[e].v[i] * v[e].v[i];
      }
    }
    float factor = s * s * warpSum(dot) / DIM;
#pragma unroll
    for (int e = 0; e < EIGHTS; e++) {
      int c = e * 256 + lane * 8;
      if (c >= DIM) continue;
#pragma unroll
      for (int i = 0; i < 8; i++) d[e].v[i] = s * (d[e].v[i] - v[e].v[i] * factor);
      put8(dx + r * DIM + c, d[e], accumulate);
    }
  }
#pragma unroll
  for (int e = 0; e < EIGHTS; e++) {
    int c = e * 256 + lane * 8;
    if (c < DIM) store8(&found[warp][c], sums[e]);
  }
  __syncthreads();
  for (int c = threadIdx.x; c < DIM; c += 32 * ROW_WARPS) {
    float total = 0.0f;
#pragma unroll
    for (int w = 0; w < ROW_WARPS; w++) total += found[w][c];
    partials[(i64)blockIdx.x * DIM + c] = total;
  }
}
#endif

extern "C" __global__ void layerNormForward(
    const T_x* x, const T_weight* weight, const T_bias* bias, T_y* y, T_mean* mean, T_rstd* rstd, int rows, int dim, float eps) {
  i64 r = blockIdx.x;
  float sum = 0.0f;
  for (int i = threadIdx.x; i < dim; i += blockDim.x) sum += x[r * dim + i];
  float m = blockSum(sum) / dim, squares = 0.0f;
  for (int i = threadIdx.x; i < dim; i += blockDim.x) {
    float d = x[r * dim + i] - m;
    squares += d * d;
  }
  float scale = rsqrtf(blockSum(squares) / dim + eps);
  if (threadIdx.x == 0) {
    mean[r] = m;
    rstd[r] = scale;
  }
  for (int i = threadIdx.x; i < dim; i += blockDim.x) {
    y[r * dim + i] = (x[r * dim + i] - m) * scale * weight[i] + (bias ? bias[i] : 0.0f);
  }
}

extern "C" __global__ void layerNormBackwardX(
    const T_dy* dy, const T_x* x, const T_weight* weight, const T_mean* mean, const T_rstd* rstd, T_dx* dx, int rows, int dim,
    int accumulate) {
  i64 r = blockIdx.x;
  float sum = 0.0f, dot = 0.0f, m = mean[r], s = rstd[r];
  for (int i = threadIdx.x; i < dim; i += blockDim.x) {
    float d = dy[r * dim + i] * weight[i];
    sum += d;
    dot += d * (x[r * dim + i] - m) * s;
  }
  sum = blockSum(sum) / dim;
  dot = blockSum(dot) / dim;
  for (int i = threadIdx.x; i < dim; i += blockDim.x) {
    i64 at = r * dim + i;
    put(dx, at, s * (dy[at] * weight[i] - sum - (x[at] - m) * s * dot), accumulate);
  }
}
