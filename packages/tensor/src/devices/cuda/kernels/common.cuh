// Shared by every file here, and put before each by nvrtc.ts: no header of a toolkit is needed.
// Sums are taken in an order that depends on the shapes alone, so that equal inputs give equal bits.

typedef unsigned int u32;
typedef unsigned short u16;
typedef unsigned long long u64;
typedef long long i64;

#ifndef INFINITY
#define INFINITY __int_as_float(0x7f800000)
#endif
#define NAN_F __int_as_float(0x7fffffff)

/** A loop over n items by all threads of the grid. */
#define GRID_LOOP(i, n) \
  for (i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x; i < (i64)(n); i += (i64)gridDim.x * blockDim.x)

/** bf16, rounded to nearest, ties to even; NaN stays NaN. Converts by itself, so that kernels are written once for both types. */
struct bf16 {
  u16 bits;
  __device__ __forceinline__ operator float() const { return __uint_as_float((u32)bits << 16); }
  __device__ __forceinline__ bf16& operator=(float x) {
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(x));
    return *this;
  }
};

/** Two values rounded to bf16, the first in the low half, and back. */
__device__ __forceinline__ u32 packBf16(float low, float high) {
  u32 pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
}
__device__ __forceinline__ float lowOf(u32 pair) { return __uint_as_float(pair << 16); }
__device__ __forceinline__ float highOf(u32 pair) { return __uint_as_float(pair & 0xffff0000u); }

/** y[i] = value, or y[i] += value. */
template <class T>
__device__ __forceinline__ void put(T* y, i64 i, float value, int accumulate) { y[i] = accumulate ? (float)y[i] + value : value; }

/** Eight neighbouring elements at a time, in 16-byte accesses: p is a multiple of 16 bytes. */
struct Eight {
  float v[8];
};
__device__ __forceinline__ Eight load8(const float* p) {
  Eight r;
  ((float4*)r.v)[0] = ((const float4*)p)[0];
  ((float4*)r.v)[1] = ((const float4*)p)[1];
  return r;
}
__device__ __forceinline__ Eight load8(const bf16* p) {
  Eight r;
  uint4 words = *(const uint4*)p;
  u32 w[4] = {words.x, words.y, words.z, words.w};
#pragma unroll
  for (int i = 0; i < 4; i++) {
    r.v[2 * i] = lowOf(w[i]);
    r.v[2 * i + 1] = highOf(w[i]);
  }
  return r;
}
__device__ __forceinline__ void store8(float* p, const Eight& x) {
  ((float4*)p)[0] = ((const float4*)x.v)[0];
  ((float4*)p)[1] = ((const float4*)x.v)[1];
}
__device__ __forceinline__ void store8(bf16* p, const Eight& x) {
  const float* v = x.v;
  *(uint4*)p = make_uint4(packBf16(v[0], v[1]), packBf16(v[2], v[3]), packBf16(v[4], v[5]), packBf16(v[6], v[7]));
}
/** y[0 … 8] = x, or y += x. */
template <class T>
__device__ __forceinline__ void put8(T* y, Eight x, int accumulate) {
  if (accumulate) {
    Eight before = load8(y);
#pragma unroll
    for (int i = 0; i < 8; i++) x.v[i] += before.v[i];
  }
  store8(y, x);
}

__device__ __forceinline__ float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

/** Maximum and minimum that keep NaN, as the reference's do. */
__device__ __forceinline__ float maxNan(float a, float b) {
  float y;
  asm("max.NaN.f32 %0, %1, %2;" : "=f"(y) : "f"(a), "f"(b));
  return y;
}
__device__ __forceinline__ float minNan(float a, float b) {
  float y;
  asm("min.NaN.f32 %0, %1, %2;" : "=f"(y) : "f"(a), "f"(b));
  return y;
}

__device__ __forceinline__ float warpSum(float x) {
  for (int offset = 16; offset > 0; offset >>= 1) x += __shfl_xor_sync(~0u, x, offset);
  return x;
}
__device__ __forceinline__ float warpMax(float x) {
  for (int offset = 16; offset > 0; offset >>= 1) x = maxNan(x, __shfl_xor_sync(~0u, x, offset));
  return x;
}

/** Sum and maximum over a block of at most 1024 threads; every thread gets the result. */
__device__ __forceinline__ float blockSum(float x) {
  __shared__ float partial[33];
  int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, warps = (blockDim.x + 31) >> 5;
  x = warpSum(x);
  __syncthreads();
  if (lane == 0) partial[warp] = x;
  __syncthreads();
  if (warp == 0) {
    x = warpSum(lane < warps ? partial[lane] : 0.0f);
    if (lane == 0) partial[32] = x;
  }
  __syncthreads();
  return partial[32];
}
__device__ __forceinline__ float blockMax(float x) {
  __shared__ float partial[33];
  int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, warps = (blockDim.x + 31) >> 5;
  x = warpMax(x);
  __syncthreads();
  if (lane == 0) partial[warp] = x;
  __syncthreads();
  if (warp == 0) {
    x = warpMax(lane < warps ? partial[lane] : -INFINITY);
    if (lane == 0) partial[32] = x;
  }
  __syncthreads();
  return partial[32];
}

/**
 * For kernels that are launched overlapped (launcher.ts): lets the next one begin, and waits until the one before has ended and all that it
 * wrote can be seen. What comes before may only read what no kernel writes: weights.
 */
__device__ __forceinline__ void waitForInputs() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;");
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}
