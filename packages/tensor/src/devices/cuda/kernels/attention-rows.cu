// What kernels of attention on tensor cores read of each row, made before them.
#include "mma.cuh"

#ifndef V_DIM
#define V_DIM 128
#endif

/** delta[b, h, s] = Σ dout ∘ out, [B, S, H, V_DIM] each. grid rows · LANES / 256; LANES lanes share a row. */
extern "C" __global__ void __launch_bounds__(256) attentionDeltaMma(
    const bf16* dout, const bf16* out, float* delta, int batch, int sequence, int heads) {
  constexpr int LANES = V_DIM > 128 ? 32 : V_DIM > 64 ? 16 : V_DIM > 32 ? 8 : 4;
  i64 at = (i64)blockIdx.x * 256 + threadIdx.x, row = at / LANES, rows = (i64)batch * sequence * heads;
  int c = (int)(at % LANES) * 8;
  float sum = 0.0f;
  if (row < rows && c < V_DIM) {
    Eight x = load8(dout + row * V_DIM + c), y = load8(out + row * V_DIM + c);
#pragma unroll
    for (int i = 0; i < 8; i++) sum += x.v[i] * y.v[i];
  }
#pragma unroll
  for (int offset = LANES / 2; offset > 0; offset /= 2) sum += __shfl_xor_sync(~0u, sum, offset);
  if (c == 0 && row < rows) {
    i64 bs = row / heads, h = row - bs * heads, b = bs / sequence, s = bs - b * sequence;
    delta[(b * heads + h) * sequence + s] = sum;
  }
}

/** ends[b, s]: first and last position of s's document. Ids do not decrease, so that a document is a range. grid B · S / 256. */
extern "C" __global__ void __launch_bounds__(256) attentionDocuments(const int* documents, int2* ends, int batch, int sequence) {
  int at = blockIdx.x * 256 + threadIdx.x;
  if (at >= batch * sequence) return;
  int s = at % sequence, id = documents[at];
  const int* ids = documents + (at - s);
  // The first position whose id is at least `least`, in [from, to].
  auto find = [&](int from, int to, int least) {
    while (from < to) {
      int middle = (from + to) / 2;
      if (ids[middle] >= least) to = middle;
      else from = middle + 1;
    }
    return from;
  };
  ends[at] = make_int2(find(0, s, id), find(s + 1, sequence, id + 1) - 1);
}
