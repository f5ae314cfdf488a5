// Plain attention in f32 on the ordinary units: right for all head sizes up to 256, and what faster kernels are compared with.
// q, k [B, S, H, dqk]; v, out [B, S, H, dv]; documents [B, S]; lse, rowMax, delta [B, H, S].
// A block of 8 warps takes 32 rows; a warp takes 4 of them; a lane is one row of the other side within a tile of 32.

#define TILE 32
#define ROWS_PER_WARP 4
#define MOST_DIM 256
#define PARTS (MOST_DIM / 32)

/** 32 rows of one head, from `first` on: a block's own, or a tile of the other side. `ids`: documents of its sequence. */
struct Rows {
  int b, h, first, last, sequence, heads;
  const int* ids;
  __device__ __forceinline__ Rows at(int start) const {
    return {b, h, start, start + TILE - 1 < sequence - 1 ? start + TILE - 1 : sequence - 1, sequence, heads, ids};
  }
  /** Number of position s in [B · S · H]. */
  __device__ __forceinline__ i64 row(int s) const { return ((i64)b * sequence + s) * heads + h; }
  /** And in [B, H, S]. */
  __device__ __forceinline__ i64 stat(int s) const { return ((i64)b * heads + h) * sequence + s; }
  /** Document ids do not decrease: no row of one can be of a document of the other. */
  __device__ __forceinline__ bool apart(const Rows& other) const { return ids[other.last] < ids[first] || ids[other.first] > ids[last]; }
  __device__ __forceinline__ bool sees(int query, int key, int causal) const {
    return query < sequence && key < sequence && (!causal || key <= query) && ids[key] == ids[query];
  }
};
__device__ __forceinline__ Rows rowsOfBlock(const int* documents, int sequence, int heads) {
  int h = blockIdx.y, b = blockIdx.z;
  return Rows{b, h, 0, 0, sequence, heads, documents + (i64)b * sequence}.at(blockIdx.x * TILE);
}

/** Rows of x in shared memory, dim + 1 floats apart, zeros beyond the sequence. */
struct Tile {
  float* x;
  int dim, pitch;
  __device__ __forceinline__ Tile(float* x, int dim) : x(x), dim(dim), pitch(dim + 1) {}
  __device__ __forceinline__ float* end() const { return x + TILE * pitch; }
  __device__ __forceinline__ const float* row(int r) const { return x + r * pitch; }
  template <class T>
  __device__ void load(const T* from, const Rows& rows) const {
    for (int at = threadIdx.x; at < TILE * dim; at += blockDim.x) {
      int r = at / dim, c = at - r * dim, s = rows.first + r;
      x[r * pitch + c] = s < rows.sequence ? (float)from[rows.row(s) * dim + c] : 0.0f;
    }
  }
  __device__ __forceinline__ float dot(int r, const Tile& other, int s) const {
    float sum = 0.0f;
    for (int c = 0; c < dim; c++) sum += row(r)[c] * other.row(s)[c];
    return sum;
  }
};

/** acc[part] = shrink · acc[part] + Σ_j weight_j · tile[j][part · 32 + lane], weight_j being lane j's. */
__device__ __forceinline__ void addRows(float (&acc)[PARTS], float weight, const Tile& tile, float shrink = 1.0f) {
  int lane = threadIdx.x & 31;
#pragma unroll
  for (int part = 0; part < PARTS; part++) {
    int c = part * 32 + lane;
    if (part * 32 >= tile.dim) break;
    float value = acc[part] * shrink;
    for (int j = 0; j < TILE; j++) {
      float factor = __shfl_sync(~0u, weight, j);
      if (c < tile.dim) value += factor * tile.row(j)[c];
    }
    acc[part] = value;
  }
}

template <class T>
__device__ __forceinline__ void storeRow(T* y, i64 row, int dim, const float (&acc)[PARTS], float divisor = 1.0f) {
#pragma unroll
  for (int part = 0; part < PARTS; part++) {
    int c = part * 32 + (threadIdx.x & 31);
    if (c < dim) y[row * dim + c] = acc[part] / divisor;
  }
}

extern "C" __global__ void attentionForward(
    const T_q* q, const T_k* k, const T_v* v, const int* documents, T_out* out, T_lse* lse, T_rowMax* rowMax, int batch,
    int sequence, int heads, int qkDim, int vDim, float scale, int causal) {
  extern __shared__ float shared[];
  Tile tileQ(shared, qkDim), tileK(tileQ.end(), qkDim), tileV(tileK.end(), vDim);
  Rows own = rowsOfBlock(documents, sequence, heads);
  int lane = threadIdx.x & 31, firstRow = (threadIdx.x >> 5) * ROWS_PER_WARP;
  tileQ.load(q, own);
  float most[ROWS_PER_WARP], sum[ROWS_PER_WARP] = {}, acc[ROWS_PER_WARP][PARTS] = {};
  for (int i = 0; i < ROWS_PER_WARP; i++) most[i] = -INFINITY;
  for (int start = 0; start < sequence && (!causal || start <= own.last); start += TILE) {
    Rows other = own.at(start);
    if (own.apart(other)) continue;
    __syncthreads();
    tileK.load(k, other);
    tileV.load(v, other);
    __syncthreads();
    for (int i = 0; i < ROWS_PER_WARP; i++) {
      int r = firstRow + i;
      bool seen = own.sees(own.first + r, start + lane, causal);
      float logit = seen ? scale * tileQ.dot(r, tileK, lane) : -INFINITY;
      float top = maxNan(most[i], warpMax(logit));
      if (top == -INFINITY) continue;
      float p = logit == -INFINITY ? 0.0f : expf(logit - top), shrink = expf(most[i] - top);
      sum[i] = sum[i] * shrink + warpSum(p);
      most[i] = top;
      addRows(acc[i], p, tileV, shrink);
    }
  }
  for (int i = 0; i < ROWS_PER_WARP; i++) {
    int query = own.first + firstRow + i;
    if (query >= sequence) continue;
    if (lane == 0) {
      rowMax[own.stat(query)] = most[i];
      lse[own.stat(query)] = most[i] + logf(sum[i]);
    }
    storeRow(out, own.row(query), vDim, acc[i], sum[i]);
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

/** A logit's weight and its gradient, for row rq of the queries and rk of the keys. */
struct Weight {
  float p, ds;
  __device__ __forceinline__ Weight(
      const Tile& q, const Tile& d, int rq, const Tile& k, const Tile& v, int rk, float scale, float lse, float delta)
      : p(expf(scale * q.dot(rq, k, rk) - lse)), ds(p * (d.dot(rq, v, rk) - delta) * scale) {}
};

/** dq: a block takes 32 queries and walks the keys. */
extern "C" __global__ void attentionBackwardQ(
    const T_dout* dout, const T_q* q, const T_k* k, const T_v* v, const int* documents, const T_lse* lse, const T_delta* delta,
    T_dq* dq, int batch, int sequence, int heads, int qkDim, int vDim, float scale, int causal) {
  extern __shared__ float shared[];
  Tile tileQ(shared, qkDim), tileK(tileQ.end(), qkDim), tileV(tileK.end(), vDim), tileD(tileV.end(), vDim);
  Rows own = rowsOfBlock(documents, sequence, heads);
  int lane = threadIdx.x & 31, firstRow = (threadIdx.x >> 5) * ROWS_PER_WARP;
  tileQ.load(q, own);
  tileD.load(dout, own);
  float acc[ROWS_PER_WARP][PARTS] = {};
  for (int start = 0; start < sequence && (!causal || start <= own.last); start += TILE) {
    Rows other = own.at(start);
    if (own.apart(other)) continue;
    __syncthreads();
    tileK.load(k, other);
    tileV.load(v, other);
    __syncthreads();
    for (int i = 0; i < ROWS_PER_WARP; i++) {
      int r = firstRow + i, query = own.first + r;
      i64 stat = own.stat(query);
      float ds = own.sees(query, start + lane, causal)
                     ? Weight(tileQ, tileD, r, tileK, tileV, lane, scale, lse[stat], delta[stat]).ds
                     : 0.0f;
      addRows(acc[i], ds, tileK);
    }
  }
  for (int i = 0; i < ROWS_PER_WARP; i++) {
    int query = own.first + firstRow + i;
    if (query < sequence) storeRow(dq, own.row(query), qkDim, acc[i]);
  }
}

/** dk and dv: a block takes 32 keys and walks the queries, so that no sum depends on the order of blocks. */
extern "C" __global__ void attentionBackwardKV(
    const T_dout* dout, const T_q* q, const T_k* k, const T_v* v, const int* documents, const T_lse* lse, const T_delta* delta,
    T_dk* dk, T_dv* dv, int batch, int sequence, int heads, int qkDim, int vDim, float scale, int causal) {
  extern __shared__ float shared[];
  Tile tileQ(shared, qkDim), tileK(tileQ.end(), qkDim), tileV(tileK.end(), vDim), tileD(tileV.end(), vDim);
  Rows own = rowsOfBlock(documents, sequence, heads);
  int lane = threadIdx.x & 31, firstRow = (threadIdx.x >> 5) * ROWS_PER_WARP;
  tileK.load(k, own);
  tileV.load(v, own);
  float accK[ROWS_PER_WARP][PARTS] = {}, accV[ROWS_PER_WARP][PARTS] = {};
  for (int start = causal ? own.first : 0; start < sequence; start += TILE) {
    Rows other = own.at(start);
    if (own.apart(other)) continue;
    __syncthreads();
    tileQ.load(q, other);
    tileD.load(dout, other);
    __syncthreads();
    i64 stat = own.stat(start + lane);
    for (int i = 0; i < ROWS_PER_WARP; i++) {
      int r = firstRow + i;
      float p = 0.0f, ds = 0.0f;
      if (own.sees(start + lane, own.first + r, causal)) {
        Weight weight(tileQ, tileD, lane, tileK, tileV, r, scale, lse[stat], delta[stat]);
        p = weight.p;
        ds = weight.ds;
      }
      addRows(accK[i], ds, tileQ);
      addRows(accV[i], p, tileD);
    }
  }
  for (int i = 0; i < ROWS_PER_WARP; i++) {
    int key = own.first + firstRow + i;
    if (key >= sequence) continue;
    storeRow(dk, own.row(key), qkDim, accK[i]);
    storeRow(dv, own.row(key), vDim, accV[i]);
  }
}
