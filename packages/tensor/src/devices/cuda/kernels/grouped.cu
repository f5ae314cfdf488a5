// Products of experts in f32 on the ordinary units: tiles of 64 × 64, 256 threads, 4 × 4 outputs each.

#define TILE 64
#define DEPTH 16

/** C tile (+)= A[m, k] · B[k, n] with element strides; rows ≥ m and columns ≥ n are left out. */
template <class A, class B>
__device__ void tileProduct(
    const A* a, i64 aRow, i64 aColumn, const B* b, i64 bRow, i64 bColumn, int m, int n, int k, float acc[4][4]) {
  __shared__ float tileA[DEPTH][TILE + 4], tileB[DEPTH][TILE + 4];
  int tx = threadIdx.x & 15, ty = threadIdx.x >> 4;
  for (int first = 0; first < k; first += DEPTH) {
    __syncthreads();
    for (int at = threadIdx.x; at < TILE * DEPTH; at += 256) {
      // Neighbouring threads take neighbouring elements in memory, whichever way the operand lies.
      int ra = aColumn == 1 ? at / DEPTH : at % TILE, ca = aColumn == 1 ? at % DEPTH : at / TILE;
      tileA[ca][ra] = ra < m && first + ca < k ? (float)a[ra * aRow + (first + ca) * aColumn] : 0.0f;
      int cb = bColumn == 1 ? at % TILE : at / DEPTH, rb = bColumn == 1 ? at / TILE : at % DEPTH;
      tileB[rb][cb] = cb < n && first + rb < k ? (float)b[(first + rb) * bRow + cb * bColumn] : 0.0f;
    }
    __syncthreads();
#pragma unroll
    for (int p = 0; p < DEPTH; p++) {
      float u[4], v[4];
#pragma unroll
      for (int i = 0; i < 4; i++) {
        u[i] = tileA[p][ty * 4 + i];
        v[i] = tileB[p][tx * 4 + i];
      }
#pragma unroll
      for (int i = 0; i < 4; i++)
#pragma unroll
        for (int j = 0; j < 4; j++) acc[i][j] += u[i] * v[j];
    }
  }
}

template <class T>
__device__ void storeTile(T* y, i64 pitch, int m, int n, const float acc[4][4], int accumulate) {
  int tx = threadIdx.x & 15, ty = threadIdx.x >> 4;
  for (int i = 0; i < 4; i++) {
    for (int j = 0; j < 4; j++) {
      int r = ty * 4 + i, c = tx * 4 + j;
      if (r < m && c < n) put(y, r * pitch + c, acc[i][j], accumulate);
    }
  }
}

/** The expert and first row of the tile-th tile of rows, when every expert's rows are cut into tiles; false beyond the last. */
__device__ bool findTile(const int* offsets, int experts, int tile, int rowsPerTile, int* expert, int* first, int* last) {
  for (int e = 0; e < experts; e++) {
    int from = offsets[e], to = offsets[e + 1], tiles = (to - from + rowsPerTile - 1) / rowsPerTile;
    if (tile < tiles) {
      *expert = e;
      *first = from + tile * rowsPerTile;
      *last = to;
      return true;
    }
    tile -= tiles;
  }
  return false;
}

/** grid (n / 64, rows / 64 + experts). */
extern "C" __global__ void groupedGemm(
    const T_x* x, const T_w* w, T_y* y, const int* offsets, int rows, int experts, int n, int k, int transposeW, int accumulate) {
  int e, first, last;
  if (!findTile(offsets, experts, blockIdx.y, TILE, &e, &first, &last)) return;
  int column = blockIdx.x * TILE, m = last - first < TILE ? last - first : TILE, width = n - column < TILE ? n - column : TILE;
  const T_w* weight = w + (i64)e * n * k;
  float acc[4][4] = {};
  if (transposeW) tileProduct(x + (i64)first * k, k, 1, weight + (i64)column * k, 1, k, m, width, k, acc);
  else tileProduct(x + (i64)first * k, k, 1, weight + column, n, 1, m, width, k, acc);
  storeTile(y + (i64)first * n + column, n, m, width, acc, accumulate);
}

/** grid (k / 64, n / 64, experts). */
extern "C" __global__ void groupedGemmWeightGrad(
    const T_dy* dy, const T_x* x, T_dw* dw, const int* offsets, int rows, int experts, int n, int k, int accumulate) {
  int e = blockIdx.z, first = offsets[e], count = offsets[e + 1] - first;
  int row = blockIdx.y * TILE, column = blockIdx.x * TILE;
  int m = n - row < TILE ? n - row : TILE, width = k - column < TILE ? k - column : TILE;
  float acc[4][4] = {};
  tileProduct(dy + (i64)first * n + row, 1, n, x + (i64)first * k + column, k, 1, m, width, count, acc);
  storeTile(dw + ((i64)e * n + row) * k + column, k, m, width, acc, accumulate);
}

/** D = beta · C + bias: what is left of a product whose inner size is 0. */
extern "C" __global__ void gemmEmpty(
    const T_c* c, const T_bias* bias, T_d* d, int batch, int m, int n, int ldc, int ldd, int strideC, int strideD, float beta) {
  GRID_LOOP(at, (i64)batch * m * n) {
    i64 j = at % n, i = at / n % m, b = at / n / m;
    d[b * strideD + i * ldd + j] = (c && beta != 0.0f ? beta * c[b * strideC + i * ldc + j] : 0.0f) + (bias ? bias[j] : 0.0f);
  }
}
