// Operands of experts' products, and which rows are whose: of grouped-mma.cu and grouped-wgmma.cu.

/** An operand [rows, columns] in memory, `pitch` elements from row to row; beyond its end it is 0. */
struct Operand {
  const bf16* x;
  int pitch, rows, columns;
};

struct Rows {
  int expert, first, count;
};
/** The expert and rows of the tile-th tile, when every expert's rows are cut into tiles; count 0 beyond the last. A warp looks at 32 experts at once. */
template <int COUNT>
__device__ __forceinline__ Rows findRows(const int* offsets, int experts, int tile) {
  int lane = threadIdx.x & 31;
  for (int group = 0; group < experts; group += 32) {
    int e = group + lane, from = 0, count = 0;
    if (e < experts) {
      from = offsets[e];
      count = offsets[e + 1] - from;
    }
    int tiles = (count + COUNT - 1) / COUNT, before = tiles;
#pragma unroll
    for (int step = 1; step < 32; step *= 2) {
      int other = __shfl_up_sync(~0u, before, step);
      if (lane >= step) before += other;
    }
    // `before` now counts the tiles of this expert too.
    u32 found = __ballot_sync(~0u, tile < before);
    if (found) {
      int which = __ffs(found) - 1, skipped = (tile - __shfl_sync(~0u, before - tiles, which)) * COUNT;
      int first = __shfl_sync(~0u, from, which) + skipped, left = __shfl_sync(~0u, count, which) - skipped;
      return {group + which, first, left < COUNT ? left : COUNT};
    }
    tile -= __shfl_sync(~0u, before, 31);
  }
  return {0, 0, 0};
}

/** Two neighbours to y, or added to it. */
__device__ __forceinline__ void putTwo(float* y, float first, float second, int accumulate) {
  float2 before = accumulate ? *(float2*)y : make_float2(0.0f, 0.0f);
  *(float2*)y = make_float2(before.x + first, before.y + second);
}
__device__ __forceinline__ void putTwo(bf16* y, float first, float second, int accumulate) {
  u32 before = accumulate ? *(u32*)y : 0;
  *(u32*)y = packBf16(lowOf(before) + first, highOf(before) + second);
}
