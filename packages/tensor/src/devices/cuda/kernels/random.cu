// Philox4x32-10 (Salmon et al. 2011): the same numbers as philox.ts.

__device__ uint4 philox(u32 k0, u32 k1, u32 c0, u32 c1, u32 c2, u32 c3) {
  for (int round = 0; round < 10; round++) {
    u64 p0 = (u64)0xD2511F53u * c0, p1 = (u64)0xCD9E8D57u * c2;
    u32 n0 = (u32)(p1 >> 32) ^ c1 ^ k0, n2 = (u32)(p0 >> 32) ^ c3 ^ k1;
    c1 = (u32)p1;
    c3 = (u32)p0;
    c0 = n0;
    c2 = n2;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return make_uint4(c0, c1, c2, c3);
}

__device__ float uniformAt(const int* state, int stream, i64 i) {
  uint4 block = philox(state[0], state[1], (u32)(i >> 2), stream, state[2], state[3]);
  u32 word = (i & 3) == 0 ? block.x : (i & 3) == 1 ? block.y : (i & 3) == 2 ? block.z : block.w;
  return (float)(word >> 8) * 5.9604644775390625e-8f;
}

extern "C" __global__ void randomUniform(const int* state, T_y* y, int n, int stream) {
  GRID_LOOP(i, n) y[i] = uniformAt(state, stream, i);
}

extern "C" __global__ void dropout(const T_x* x, const int* state, T_y* y, int n, int stream, float p, int accumulate) {
  GRID_LOOP(i, n) put(y, i, uniformAt(state, stream, i) >= p ? x[i] / (1.0f - p) : 0.0f, accumulate);
}
