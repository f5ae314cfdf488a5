extern "C" __global__ void adamw(
    T_w* w, const T_g* g, T_m* m, T_v* v, const T_hyper* hyper, const T_clip* clip, int n, int decay) {
  float lr = hyper[0], weightDecay = decay ? hyper[1] : 0.0f, beta1 = hyper[2], beta2 = hyper[3];
  float correction1 = hyper[4], correction2 = hyper[5], eps = hyper[6], scale = hyper[7] * clip[0];
  GRID_LOOP(i, n) {
    float gradient = g[i] * scale;
    float first = beta1 * m[i] + (1.0f - beta1) * gradient, second = beta2 * v[i] + (1.0f - beta2) * gradient * gradient;
    m[i] = first;
    v[i] = second;
    w[i] -= lr * (first / correction1 / (sqrtf(second / correction2) + eps) + weightDecay * w[i]);
  }
}

extern "C" __global__ void muonMomentum(
    const T_g* g, T_momentum* momentum, T_out* out, const T_hyper* hyper, const T_clip* clip, int n, int nesterov) {
  float mu = hyper[2], scale = hyper[3] * clip[0];
  GRID_LOOP(i, n) {
    float gradient = g[i] * scale, next = mu * momentum[i] + gradient;
    momentum[i] = next;
    out[i] = nesterov ? gradient + mu * next : next;
  }
}

/** partials [batch, 64]: sums of squares. grid (64, batch). */
extern "C" __global__ void frobeniusPartials(const T_x* x, T_partials* partials, int n) {
  const T_x* matrix = x + (i64)blockIdx.y * n;
  i64 share = ((i64)n + gridDim.x - 1) / gridDim.x, first = share * blockIdx.x;
  i64 last = first + share < n ? first + share : n;
  float sum = 0.0f;
  for (i64 i = first + threadIdx.x; i < last; i += blockDim.x) sum += matrix[i] * matrix[i];
  sum = blockSum(sum);
  if (threadIdx.x == 0) partials[blockIdx.y * gridDim.x + blockIdx.x] = sum;
}

extern "C" __global__ void frobeniusScale(T_x* x, const T_partials* partials, int n, float safety, float eps) {
  T_x* matrix = x + (i64)blockIdx.y * n;
  float squares = 0.0f;
  for (int i = 0; i < 64; i++) squares += partials[blockIdx.y * 64 + i];
  float divisor = safety * sqrtf(squares) + eps;
  float factor = 1.0f / divisor;
  GRID_LOOP(i, n) matrix[i] = matrix[i] * factor;
}

extern "C" __global__ void muonUpdate(T_w* w, const T_o* o, const T_hyper* hyper, int n, float scale) {
  float lr = hyper[0], weightDecay = hyper[1];
  GRID_LOOP(i, n) w[i] -= lr * (scale * o[i] + weightDecay * w[i]);
}

extern "C" __global__ void clipFactor(const T_normSquared* normSquared, T_clip* clip, T_norm* norm, float gradScale, float maxNorm) {
  float length = sqrtf(normSquared[0]) * gradScale;
  norm[0] = length;
  clip[0] = maxNorm > 0.0f ? fminf(1.0f, maxNorm / (length + 1e-6f)) : 1.0f;
}

/** grid (…, heads). */
extern "C" __global__ void qkClip(
    T_w* w, const T_maxLogits* maxLogits, int heads, int rowsPerHead, int start, int count, int columns, float tau, int power) {
  int h = blockIdx.y;
  float most = maxLogits[h];
  if (!(most > tau)) return;
  float gamma = tau / most, factor = power ? gamma : sqrtf(gamma);
  T_w* rows = w + ((i64)h * rowsPerHead + start) * columns;
  GRID_LOOP(i, (i64)count * columns) rows[i] *= factor;
}
