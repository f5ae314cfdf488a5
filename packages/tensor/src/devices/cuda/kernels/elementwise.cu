/** y = silu(gate) · up. */
extern "C" __global__ void swigluForward(const T_gate* gate, const T_up* up, T_y* y, int n) {
  int whole = n & ~7;
  GRID_LOOP(i, whole / 8) {
    Eight g = load8(gate + i * 8), u = load8(up + i * 8);
#pragma unroll
    for (int j = 0; j < 8; j++) g.v[j] = g.v[j] * sigmoid(g.v[j]) * u.v[j];
    store8(y + i * 8, g);
  }
  GRID_LOOP(j, n - whole) {
    i64 i = whole + j;
    y[i] = gate[i] * sigmoid(gate[i]) * up[i];
  }
}

/** dgate and dup may be gate and up. */
extern "C" __global__ void swigluBackward(const T_dy* dy, const T_gate* gate, const T_up* up, T_dgate* dgate, T_dup* dup, int n) {
  int whole = n & ~7;
  GRID_LOOP(i, whole / 8) {
    Eight d = load8(dy + i * 8), g = load8(gate + i * 8), u = load8(up + i * 8);
#pragma unroll
    for (int j = 0; j < 8; j++) {
      float s = sigmoid(g.v[j]), value = u.v[j];
      u.v[j] = d.v[j] * g.v[j] * s;
      g.v[j] = d.v[j] * value * s * (1.0f + g.v[j] * (1.0f - s));
    }
    store8(dgate + i * 8, g);
    store8(dup + i * 8, u);
  }
  GRID_LOOP(j, n - whole) {
    i64 i = whole + j;
    float d = dy[i], g = gate[i], u = up[i], s = sigmoid(g);
    dgate[i] = d * u * s * (1.0f + g * (1.0f - s));
    dup[i] = d * g * s;
  }
}

#define GELU_SCALE 0.7978845608028654f
#define GELU_CUBE 0.044715f

// The order is that of unaryOps in kernels.ts.
__device__ float unaryValue(int op, float x) {
  switch (op) {
    case 0: return -x;
    case 1: return expf(x);
    case 2: return logf(x);
    case 3: return sqrtf(x);
    case 4: return 1.0f / sqrtf(x);
    case 5: return x * x;
    case 6: return 1.0f / x;
    case 7: return tanhf(x);
    case 8: return sigmoid(x);
    case 9: return x * sigmoid(x);
    case 10: return maxNan(x, 0.0f);
    case 11: return 0.5f * x * (1.0f + tanhf(GELU_SCALE * (x + GELU_CUBE * x * x * x)));
    default: return fabsf(x);
  }
}

__device__ float unaryDerivative(int op, float x, float y) {
  switch (op) {
    case 0: return -1.0f;
    case 1: return y;
    case 2: return 1.0f / x;
    case 3: return 0.5f / y;
    case 4: return -0.5f * y * y * y;
    case 5: return 2.0f * x;
    case 6: return -y * y;
    case 7: return 1.0f - y * y;
    case 8: return y * (1.0f - y);
    case 9: {
      float s = sigmoid(x);
      return s * (1.0f + x * (1.0f - s));
    }
    case 10: return x > 0.0f ? 1.0f : 0.0f;
    case 11: {
      float t = tanhf(GELU_SCALE * (x + GELU_CUBE * x * x * x));
      return 0.5f * (1.0f + t) + 0.5f * x * (1.0f - t * t) * GELU_SCALE * (1.0f + 3.0f * GELU_CUBE * x * x);
    }
    default: return x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : x;
  }
}

extern "C" __global__ void unary(const T_x* x, T_y* y, int n, int op) { GRID_LOOP(i, n) y[i] = unaryValue(op, x[i]); }

extern "C" __global__ void unaryBackward(
    const T_dy* dy, const T_x* x, const T_y* y, T_dx* dx, int n, int op, int accumulate) {
  GRID_LOOP(i, n) put(dx, i, dy[i] * unaryDerivative(op, x[i], y[i]), accumulate);
}

/** y[r, c] = a ∘ b, strides of 0 broadcast. The order is that of binaryOps in kernels.ts. */
extern "C" __global__ void binary(
    const T_a* a, const T_b* b, T_y* y, int rows, int columns, int aRow, int aColumn, int bRow, int bColumn, int op) {
  i64 n = (i64)rows * columns, whole = 0;
  if (op == 0 && aColumn == 1 && bColumn == 1 && (aRow == columns || rows == 1) && (bRow == columns || rows == 1)) {
    // Sums of equal shapes: every residual connection.
    whole = n & ~7ll;
    GRID_LOOP(i, whole / 8) {
      Eight u = load8(a + i * 8), v = load8(b + i * 8);
#pragma unroll
      for (int j = 0; j < 8; j++) u.v[j] += v.v[j];
      store8(y + i * 8, u);
    }
  }
  GRID_LOOP(k, n - whole) {
    i64 i = whole + k, r = i / columns, c = i - r * columns;
    float u = a[r * aRow + c * aColumn], v = b[r * bRow + c * bColumn];
    y[i] = op == 0 ? u + v : op == 1 ? u - v : op == 2 ? u * v : op == 3 ? u / v : op == 4 ? maxNan(u, v) : minNan(u, v);
  }
}

extern "C" __global__ void axpby(const T_x* x, T_y* y, int n, float alpha, float beta) {
  GRID_LOOP(i, n) y[i] = alpha * x[i] + (beta == 0.0f ? 0.0f : beta * y[i]);
}

extern "C" __global__ void scaleByScalar(const T_x* x, const T_scalar* scalar, T_y* y, int n, float alpha, int accumulate) {
  float factor = scalar[0] * alpha;
  GRID_LOOP(i, n) put(y, i, x[i] * factor, accumulate);
}

extern "C" __global__ void fill(T_y* y, int n, float value) { GRID_LOOP(i, n) y[i] = value; }
extern "C" __global__ void fillInt(int* y, int n, int value) { GRID_LOOP(i, n) y[i] = value; }

/** dst[i, j, c] (+)= src[i, j, c] with strides for i and j. Without accumulate any 32-bit elements. */
extern "C" __global__ void copy3d(
    const T_src* src, T_dst* dst, int n0, int n1, int n2, int srcOffset, int src0, int src1, int dstOffset, int dst0, int dst1,
    int accumulate) {
  if (((n2 | srcOffset | src0 | src1 | dstOffset | dst0 | dst1) & 7) == 0) {
    int units = n2 / 8;
    GRID_LOOP(at, (i64)n0 * n1 * units) {
      u32 row = (u32)(at / units), c = (u32)(at - (i64)row * units) * 8, i = row / n1, j = row - i * n1;
      i64 from = (i64)srcOffset + (i64)i * src0 + (i64)j * src1 + c, to = (i64)dstOffset + (i64)i * dst0 + (i64)j * dst1 + c;
      if (accumulate || sizeof(T_src) != sizeof(T_dst)) put8(dst + to, load8(src + from), accumulate);
      else if (sizeof(T_src) == 2) *(uint4*)(dst + to) = *(const uint4*)(src + from);
      else {
        ((uint4*)(dst + to))[0] = ((const uint4*)(src + from))[0];
        ((uint4*)(dst + to))[1] = ((const uint4*)(src + from))[1];
      }
    }
    return;
  }
  GRID_LOOP(at, (i64)n0 * n1 * n2) {
    i64 row = at / n2, c = at - row * n2, i = row / n1, j = row - i * n1;
    i64 from = (i64)srcOffset + i * src0 + j * src1 + c, to = (i64)dstOffset + i * dst0 + j * dst1 + c;
    // Equal types are copied as they are, integers too.
    if (accumulate || sizeof(T_src) != sizeof(T_dst)) put(dst, to, src[from], accumulate);
    else if (sizeof(T_src) == 4) ((u32*)dst)[to] = ((const u32*)src)[from];
    else ((u16*)dst)[to] = ((const u16*)src)[from];
  }
}

extern "C" __global__ void castF32ToBf16(const float* x, bf16* y, int n) { GRID_LOOP(i, n) y[i] = x[i]; }
extern "C" __global__ void castBf16ToF32(const bf16* x, float* y, int n) { GRID_LOOP(i, n) y[i] = x[i]; }
