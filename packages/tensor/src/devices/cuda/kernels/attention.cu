// Plain attention in f32 on the ordinary units: right for all head sizes up to 256, and what faster kernels are compared with.
// q, k [B, S, H, dqk]; v, out [B, S, H, dv]; documents [B, S]; lse, rowMax, delta [B, H, S].
// A block of 8 warps takes 32 rows; a warp takes 4 of them; a lane is one row of the other side within a tile of 32.

#define TILE 32
#define ROWS_PER_WARP 4
#define WARPS 8
#define MOST_DIM 256
#define PARTS (MOST_DIM / 32)

/** 32 rows [b, first + r, h, :] to shared memory, `pitch` floats apart, zeros beyond the sequence. */
template <class T>
__device__ void loadTile(float* tile, int pitch, const T* x, int b, int first, int h, int sequence, int heads, int dim) {
  for (int at = threadIdx.x; at < TILE * dim; at += blockDim.x) {
    int r = at / dim, c = at - r * dim;
    int s = first + r;
    tile[r * pitch + c] = s < sequence ? (float)x[(((i64)b * sequence + s) * heads + h) * dim + c] : 0.0f;
  }
}

__device__ __forceinline__ float dotRows(const float* x, const float* y, int dim) {
  float sum = 0.0f;
  for (int c = 0; c < dim; c++) sum += x[c] * y[c];
  return sum;
}

extern "C" __global__ void attentionForward(
    const T_q* q, const T_k* k, const T_v* v, const int* documents, T_out* out, T_lse* lse, T_rowMax* rowMax, int batch,
    int sequence, int heads, int qkDim, int vDim, float scale, int causal) {
  extern __shared__ float shared[];
  int pitchK = qkDim + 1, pitchV = vDim + 1;
  float *tileQ = shared, *tileK = tileQ + TILE * pitchK, *tileV = tileK + TILE * pitchK;
  int firstQ = blockIdx.x * TILE, h = blockIdx.y, b = blockIdx.z;
  int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  const int* ids = documents + (i64)b * sequence;
  loadTile(tileQ, pitchK, q, b, firstQ, h, sequence, heads, qkDim);
  float most[ROWS_PER_WARP], sum[ROWS_PER_WARP], acc[ROWS_PER_WARP][PARTS];
  for (int i = 0; i < ROWS_PER_WARP; i++) {
    most[i] = -INFINITY;
    sum[i] = 0.0f;
    for (int p = 0; p < PARTS; p++) acc[i][p] = 0.0f;
  }
  int lastQ = firstQ + TILE - 1 < sequence - 1 ? firstQ + TILE - 1 : sequence - 1;
  for (int firstK = 0; firstK < sequence && (!causal || firstK <= lastQ); firstK += TILE) {
    int lastK = firstK + TILE - 1 < sequence - 1 ? firstK + TILE - 1 : sequence - 1;
    // Document ids do not decrease: no key of this tile can be of a query's document.
    if (ids[lastK] < ids[firstQ] || ids[firstK] > ids[lastQ]) continue;
    __syncthreads();
    loadTile(tileK, pitchK, k, b, firstK, h, sequence, heads, qkDim);
    loadTile(tileV, pitchV, v, b, firstK, h, sequence, heads, vDim);
    __syncthreads();
    int key = firstK + lane;
    for (int i = 0; i < ROWS_PER_WARP; i++) {
      int r = warp * ROWS_PER_WARP + i, query = firstQ + r;
      if (query >= sequence) continue;
      bool seen = key < sequence && (!causal || key <= query) && ids[key] == ids[query];
      float logit = seen ? scale * dotRows(tileQ + r * pitchK, tileK + lane * pitchK, qkDim) : -INFINITY;
      float top = maxNan(most[i], warpMax(logit));
      if (top == -INFINITY) continue;
      float p = logit == -INFINITY ? 0.0f : expf(logit - top), shrink = expf(most[i] - top);
      sum[i] = sum[i] * shrink + warpSum(p);
      most[i] = top;
#pragma unroll
      for (int part = 0; part < PARTS; part++) {
        int c = part * 32 + lane;
        if (part * 32 >= vDim) break;
        float value = acc[i][part] * shrink;
        for (int j = 0; j < TILE; j++) {
          float weight = __shfl_sync(~0u, p, j);
          if (c < vDim) value += weight * tileV[j * pitchV + c];
        }
        acc[i][part] = value;
      }
    }
  }
  for (int i = 0; i < ROWS_PER_WARP; i++) {
    int query = firstQ + warp * ROWS_PER_WARP + i;
    if (query >= sequence) continue;
    i64 stat = ((i64)b * heads + h) * sequence + query;
    if (lane == 0) {
      rowMax[stat] = most[i];
      lse[stat] = most[i] + logf(sum[i]);
    }
#pragma unroll
    for (int part = 0; part < PARTS; part++) {
      int c = part * 32 + lane;
      if (c < vDim) out[(((i64)b * sequence + query) * heads + h) * vDim + c] = acc[i][part] / sum[i];
    }
  }
}

/** delta[b, h, s] = Σ dout ∘ out: a warp a row. */
extern "C" __global__ void attentionDelta(
    const T_dout* dout, const T_out* out, T_delta* delta, int batch, int sequence, int heads, int vDim) {
  i64 row = (i64)blockIdx.x * (blockDim.x >> 5) + (threadIdx.x >> 5);
  int lane = threadIdx.x & 31;
  if (row >= (i64)batch * sequence * heads) return;
  float sum = 0.0f;
  for (int c = lane; c < vDim; c += 32) sum += dout[row * vDim + c] * out[row * vDim + c];
  sum = warpSum(sum);
  i64 h = row % heads, bs = row / heads, s = bs % sequence, b = bs / sequence;
  if (lane == 0) delta[(b * heads + h) * sequence + s] = sum;
}

/** dq: a block takes 32 queries and walks the keys. */
extern "C" __global__ void attentionBackwardQ(
    const T_dout* dout, const T_q* q, const T_k* k, const T_v* v, const int* documents, const T_lse* lse, const T_delta* delta,
    T_dq* dq, int batch, int sequence, int heads, int qkDim, int vDim, float scale, int causal) {
  extern __shared__ float shared[];
  int pitchK = qkDim + 1, pitchV = vDim + 1;
  float *tileQ = shared, *tileK = tileQ + TILE * pitchK, *tileV = tileK + TILE * pitchK, *tileD = tileV + TILE * pitchV;
  int firstQ = blockIdx.x * TILE, h = blockIdx.y, b = blockIdx.z;
  int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  const int* ids = documents + (i64)b * sequence;
  loadTile(tileQ, pitchK, q, b, firstQ, h, sequence, heads, qkDim);
  loadTile(tileD, pitchV, dout, b, firstQ, h, sequence, heads, vDim);
  float acc[ROWS_PER_WARP][PARTS];
  for (int i = 0; i < ROWS_PER_WARP; i++) for (int p = 0; p < PARTS; p++) acc[i][p] = 0.0f;
  int lastQ = firstQ + TILE - 1 < sequence - 1 ? firstQ + TILE - 1 : sequence - 1;
  for (int firstK = 0; firstK < sequence && (!causal || firstK <= lastQ); firstK += TILE) {
    int lastK = firstK + TILE - 1 < sequence - 1 ? firstK + TILE - 1 : sequence - 1;
    if (ids[lastK] < ids[firstQ] || ids[firstK] > ids[lastQ]) continue;
    __syncthreads();
    loadTile(tileK, pitchK, k, b, firstK, h, sequence, heads, qkDim);
    loadTile(tileV, pitchV, v, b, firstK, h, sequence, heads, vDim);
    __syncthreads();
    int key = firstK + lane;
    for (int i = 0; i < ROWS_PER_WARP; i++) {
      int r = warp * ROWS_PER_WARP + i, query = firstQ + r;
      if (query >= sequence) continue;
      i64 stat = ((i64)b * heads + h) * sequence + query;
      bool seen = key < sequence && (!causal || key <= query) && ids[key] == ids[query];
      float ds = 0.0f;
      if (seen) {
        float p = expf(scale * dotRows(tileQ + r * pitchK, tileK + lane * pitchK, qkDim) - lse[stat]);
        ds = p * (dotRows(tileD + r * pitchV, tileV + lane * pitchV, vDim) - delta[stat]) * scale;
      }
#pragma unroll
      for (int part = 0; part < PARTS; part++) {
        int c = part * 32 + lane;
        if (part * 32 >= qkDim) break;
        float value = acc[i][part];
        for (int j = 0; j < TILE; j++) {
          float factor = __shfl_sync(~0u, ds, j);
          if (c < qkDim) value += factor * tileK[j * pitchK + c];
        }
        acc[i][part] = value;
      }
    }
  }
  for (int i = 0; i < ROWS_PER_WARP; i++) {
    int query = firstQ + warp * ROWS_PER_WARP + i;
    if (query >= sequence) continue;
#pragma unroll
    for (int part = 0; part < PARTS; part++) {
      int c = part * 32 + lane;
      if (c < qkDim) dq[(((i64)b * sequence + query) * heads + h) * qkDim + c] = acc[i][part];
    }
  }
}

/** dk and dv: a block takes 32 keys and walks the queries, so that no sum depends on the order of blocks. */
extern "C" __global__ void attentionBackwardKV(
    const T_dout* dout, const T_q* q, const T_k* k, const T_v* v, const int* documents, const T_lse* lse, const T_delta* delta,
    T_dk* dk, T_dv* dv, int batch, int sequence, int heads, int qkDim, int vDim, float scale, int causal) {
  extern __shared__ float shared[];
  int pitchK = qkDim + 1, pitchV = vDim + 1;
  float *tileQ = shared, *tileK = tileQ + TILE * pitchK, *tileV = tileK + TILE * pitchK, *tileD = tileV + TILE * pitchV;
  int firstK = blockIdx.x * TILE, h = blockIdx.y, b = blockIdx.z;
  int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  const int* ids = documents + (i64)b * sequence;
  loadTile(tileK, pitchK, k, b, firstK, h, sequence, heads, qkDim);
  loadTile(tileV, pitchV, v, b, firstK, h, sequence, heads, vDim);
  float accK[ROWS_PER_WARP][PARTS], accV[ROWS_PER_WARP][PARTS];
  for (int i = 0; i < ROWS_PER_WARP; i++) for (int p = 0; p < PARTS; p++) accK[i][p] = accV[i][p] = 0.0f;
  int lastK = firstK + TILE - 1 < sequence - 1 ? firstK + TILE - 1 : sequence - 1;
  for (int firstQ = causal ? firstK : 0; firstQ < sequence; firstQ += TILE) {
    int lastQ = firstQ + TILE - 1 < sequence - 1 ? firstQ + TILE - 1 : sequence - 1;
    if (ids[lastK] < ids[firstQ] || ids[firstK] > ids[lastQ]) continue;
    __syncthreads();
    loadTile(tileQ, pitchK, q, b, firstQ, h, sequence, heads, qkDim);
    loadTile(tileD, pitchV, dout, b, firstQ, h, sequence, heads, vDim);
    __syncthreads();
    int query = firstQ + lane;
    i64 stat = ((i64)b * heads + h) * sequence + query;
    for (int i = 0; i < ROWS_PER_WARP; i++) {
      int r = warp * ROWS_PER_WARP + i, key = firstK + r;
      if (key >= sequence) continue;
      bool seen = query < sequence && (!causal || key <= query) && ids[key] == ids[query];
      float p = 0.0f, ds = 0.0f;
      if (seen) {
        p = expf(scale * dotRows(tileQ + lane * pitchK, tileK + r * pitchK, qkDim) - lse[stat]);
        ds = p * (dotRows(tileD + lane * pitchV, tileV + r * pitchV, vDim) - delta[stat]) * scale;
      }
#pragma unroll
      for (int part = 0; part < PARTS; part++) {
        int c = part * 32 + lane;
        if (part * 32 < qkDim) {
          float value = accK[i][part];
          for (int j = 0; j < TILE; j++) {
            float factor = __shfl_sync(~0u, ds, j);
            if (c < qkDim) value += factor * tileQ[j * pitchK + c];
          }
          accK[i][part] = value;
        }
        if (part * 32 < vDim) {
          float value = accV[i][part];
          for (int j = 0; j < TILE; j++) {
            float factor = __shfl_sync(~0u, p, j);
            if (c < vDim) value += factor * tileD[j * pitchV + c];
          }
          accV[i][part] = value;
        }
      }
    }
  }
  for (int i = 0; i < ROWS_PER_WARP; i++) {
    int key = firstK + warp * ROWS_PER_WARP + i;
    if (key >= sequence) continue;
    i64 row = ((i64)b * sequence + key) * heads + h;
#pragma unroll
    for (int part = 0; part < PARTS; part++) {
      int c = part * 32 + lane;
      if (c < qkDim) dk[row * qkDim + c] = accK[i][part];
      if (c < vDim) dv[row * vDim + c] = accV[i][part];
    }
  }
}
