/** y[o, i] (+)= reduction over a of x[o, a, i]: a thread an output. op as in reduceOps. */
extern "C" __global__ void reduceColumns(const T_x* x, T_y* y, int outer, int axis, int inner, int op, int accumulate) {
  GRID_LOOP(at, (i64)outer * inner) {
    i64 o = at / inner, i = at - o * inner;
    float result = op <= 1 ? 0.0f : op == 2 ? -INFINITY : INFINITY;
    for (i64 a = 0; a < axis; a++) {
      float value = x[(o * axis + a) * inner + i];
      result = op <= 1 ? result + value : op == 2 ? maxNan(result, value) : minNan(result, value);
    }
    put(y, at, op == 1 ? result / axis : result, accumulate);
  }
}

/** The same for inner = 1 and a long axis: a block an output. */
extern "C" __global__ void reduceRows(const T_x* x, T_y* y, int outer, int axis, int op, int accumulate) {
  i64 o = blockIdx.x;
  float result = op <= 1 ? 0.0f : -INFINITY;
  for (int a = threadIdx.x; a < axis; a += blockDim.x) {
    float value = x[o * axis + a];
    result = op <= 1 ? result + value : maxNan(result, op == 2 ? value : -value);
  }
  result = op <= 1 ? blockSum(result) : blockMax(result);
  if (threadIdx.x == 0) put(y, o, op == 1 ? result / axis : op == 3 ? -result : result, accumulate);
}

/** Sums over chunks of rows by column, for inner ≥ 32 and a long axis: partials [chunks, inner]. outer = 1. */
extern "C" __global__ void columnPartials(const T_x* x, T_partials* partials, int axis, int inner, int rowsPerChunk) {
  int c = blockIdx.x * blockDim.x + threadIdx.x;
  if (c >= inner) return;
  i64 first = (i64)blockIdx.y * rowsPerChunk, last = first + rowsPerChunk < axis ? first + rowsPerChunk : axis;
  float sum = 0.0f;
  for (i64 r = first; r < last; r++) sum += x[r * inner + c];
  partials[(i64)blockIdx.y * inner + c] = sum;
}

/** partials [gridDim.x]: block b takes every gridDim.x-th run of 2048 elements. */
extern "C" __global__ void __launch_bounds__(256) sumSquaresPartials(const T_x* x, T_partials* partials, int n) {
  float sum = 0.0f;
  for (i64 at = (i64)blockIdx.x * 2048 + threadIdx.x * 8; at < n; at += (i64)gridDim.x * 2048) {
    if (at + 8 <= n) {
      Eight v = load8(x + at);
#pragma unroll
      for (int i = 0; i < 8; i++) sum += v.v[i] * v.v[i];
    } else {
      for (i64 i = at; i < n; i++) sum += x[i] * x[i];
    }
  }
  sum = blockSum(sum);
  if (threadIdx.x == 0) partials[blockIdx.x] = sum;
}

extern "C" __global__ void sumSquaresFinish(const T_partials* partials, T_y* y, int count, int accumulate) {
  float sum = 0.0f;
  for (int i = threadIdx.x; i < count; i += blockDim.x) sum += partials[i];
  sum = blockSum(sum);
  if (threadIdx.x == 0) put(y, 0, sum, accumulate);
}

extern "C" __global__ void softmaxForward(const T_x* x, T_y* y, int rows, int columns) {
  i64 r = blockIdx.x;
  float most = -INFINITY, sum = 0.0f;
  for (int c = threadIdx.x; c < columns; c += blockDim.x) most = maxNan(most, x[r * columns + c]);
  most = blockMax(most);
  for (int c = threadIdx.x; c < columns; c += blockDim.x) sum += expf(x[r * columns + c] - most);
  sum = blockSum(sum);
  for (int c = threadIdx.x; c < columns; c += blockDim.x) y[r * columns + c] = expf(x[r * columns + c] - most) / sum;
}

extern "C" __global__ void softmaxBackward(const T_dy* dy, const T_y* y, T_dx* dx, int rows, int columns, int accumulate) {
  i64 r = blockIdx.x;
  float dot = 0.0f;
  for (int c = threadIdx.x; c < columns; c += blockDim.x) dot += dy[r * columns + c] * y[r * columns + c];
  dot = blockSum(dot);
  for (int c = threadIdx.x; c < columns; c += blockDim.x) {
    i64 at = r * columns + c;
    put(dx, at, y[at] * (dy[at] - dot), accumulate);
  }
}
