// Which rows of which head a block of attention takes: of attention-mma.cu and attention-wgmma-*.cu.

/** Heads whose blocks run at about the same time: their keys and values stay in the L2 cache. */
#define HEADS_TOGETHER 16
#define LOG2_E 1.4426950408889634f

struct Place {
  int tile, head, batch;
};
/** Block of a grid of tiles · heads · batch: groups of heads one after the other, in each the tiles in order, or from the last back. */
__device__ __forceinline__ Place placeOf(int tiles, int heads, int batch, bool fromLast) {
  int group = blockIdx.x / (HEADS_TOGETHER * tiles), rest = blockIdx.x - group * HEADS_TOGETHER * tiles;
  int left = heads * batch - group * HEADS_TOGETHER, size = left < HEADS_TOGETHER ? left : HEADS_TOGETHER;
  int tile = rest / size, bh = group * HEADS_TOGETHER + rest - tile * size;
  return {fromLast ? tiles - 1 - tile : tile, bh % heads, bh / heads};
}

/** Rows of one head: position s at row + s · stride (of [B · S · H, DIM]). */
struct Head {
  int row, stride, sequence;
};

/** Fragments of C, two side by side, as those of A. */
template <int TILES>
__device__ __forceinline__ void toA(u32 (&a)[TILES / 2][4], const float (&c)[TILES][4]) {
#pragma unroll
  for (int j = 0; j < TILES; j++)
#pragma unroll
    for (int i = 0; i < 2; i++) a[j / 2][(j & 1) * 2 + i] = packBf16(c[j][i * 2], c[j][i * 2 + 1]);
}
