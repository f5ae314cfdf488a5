// Matrices in e4m3 with a scale per block of 128 × 128, laid out as fp8-layout.ts says; and the conversions (kernels/fp8.ts).
// The chip converts from compute capability 8.9 on; before, integers do.

struct e4m3 {
  unsigned char bits;
};

#define FP8_BLOCK 128
__device__ __forceinline__ int blocksOf(int n) { return (n + FP8_BLOCK - 1) / FP8_BLOCK; }
__device__ __forceinline__ int scalePitch(int k) { return (blocksOf(k) + 3) & ~3; }
__device__ __forceinline__ i64 scalesAt(int n, int k) { return ((i64)n * k + 255) & ~255ll; }
__device__ __forceinline__ i64 matrixBytes(int n, int k) { return scalesAt(n, k) + (((i64)blocksOf(n) * scalePitch(k) * 4 + 255) & ~255ll); }

/** Two codes, the first in the low byte, to f32. */
__device__ __forceinline__ void valuesOf(u32 codes, float& first, float& second) {
#if __CUDA_ARCH__ >= 890
  asm("{ .reg .b16 pair, low, high; .reg .b32 halves; cvt.u16.u32 pair, %2; cvt.rn.f16x2.e4m3x2 halves, pair; mov.b32 {low, high}, halves;"
      " cvt.f32.f16 %0, low; cvt.f32.f16 %1, high; }"
      : "=f"(first), "=f"(second)
      : "r"(codes));
#else
  float* to[2] = {&first, &second};
#pragma unroll
  for (int i = 0; i < 2; i++) {
    u32 code = codes >> 8 * i & 0xff, size = code & 0x7f;
    // The exponent's bias is 7 here and 127 there; what is too small for an exponent is so in both.
    float value = __uint_as_float(size << 20) * 0x1p120f;
    *to[i] = __uint_as_float(__float_as_uint(size == 0x7f ? NAN_F : value) | code << 24 & 0x80000000u);
  }
#endif
}

/** Code of the nearest value, ties to even, ±448 at most; NaN for what is not finite. */
__device__ __forceinline__ u32 codeOf(float x) {
  if (!(fabsf(x) < INFINITY)) return 0x7f;
#if __CUDA_ARCH__ >= 890
  u32 code;
  asm("{ .reg .b16 pair; cvt.rn.satfinite.e4m3x2.f32 pair, %1, %2; cvt.u32.u16 %0, pair; }" : "=r"(code) : "f"(0.0f), "f"(x));
  return code;
#else
  u32 sign = __float_as_uint(x) >> 24 & 0x80, bits = __float_as_uint(x) & 0x7fffffff;
  float size = fabsf(x);
  if (size >= 448.0f) return sign | 0x7e;
  if (size < 0x1p-6f) return sign | (u32)rintf(size * 512.0f);
  return sign | ((bits + 0x7ffff + (bits >> 20 & 1)) >> 20) - (120 << 3);
#endif
}

/** Scale of values whose largest finite magnitude is `largest`. */
__device__ __forceinline__ float scaleFor(float largest) { return largest == 0.0f ? 1.0f : fmaxf(__fdiv_rn(largest, 448.0f), 0x1p-126f); }
__device__ __forceinline__ float finiteSize(float x) { return fabsf(x) < INFINITY ? fabsf(x) : 0.0f; }
/** x / scale as a code; what is not finite stays so. */
__device__ __forceinline__ u32 scaledCode(float x, float scale) {
  return codeOf(fabsf(x) < INFINITY ? fminf(fmaxf(__fdiv_rn(x, scale), -448.0f), 448.0f) : NAN_F);
}

/** Eight codes to f32. */
__device__ __forceinline__ Eight eightOf(uint2 codes) {
  Eight r;
#pragma unroll
  for (int i = 0; i < 2; i++) {
    u32 word = i ? codes.y : codes.x;
    valuesOf(word, r.v[4 * i], r.v[4 * i + 1]);
    valuesOf(word >> 16, r.v[4 * i + 2], r.v[4 * i + 3]);
  }
  return r;
}

/** Rows of a matrix of weights from some row on, and the scales of the row of blocks that they lie in. */
template <class W>
struct WeightRows {
  const W* first;
  const float* scales;
};
/** Row `row` of the matrix-th matrix [n, k], and those behind it in the same row of blocks. */
__device__ __forceinline__ WeightRows<bf16> rowsOf(const bf16* w, i64 matrix, int n, int k, int row) {
  return {w + (matrix * n + row) * k, nullptr};
}
__device__ __forceinline__ WeightRows<e4m3> rowsOf(const e4m3* w, i64 matrix, int n, int k, int row) {
  const char* start = (const char*)w + matrix * matrixBytes(n, k);
  return {(const e4m3*)start + (i64)row * k, (const float*)(start + scalesAt(n, k)) + (i64)(row / FP8_BLOCK) * scalePitch(k)};
}
