// A block of sm_90a as a pipeline: its first warpgroup copies tiles into shared memory, the MULTIPLYING others multiply them. Every buffer has two
// barriers: `full` when it is filled, `empty` when all have done with it.
#include "wgmma.cuh"

#define WARPGROUP 128
#define THREADS ((1 + MULTIPLYING) * WARPGROUP)
/** Registers of a thread, of 65536 / THREADS on the average. */
#define REGISTERS_COPYING (MULTIPLYING == 2 ? 24 : 32)
#define REGISTERS_MULTIPLYING (MULTIPLYING == 2 ? 240 : 160)

/**
 * x and what follows, COUNT rows of COLUMNS, `pitch` elements from row to row, by the copying warpgroup on their way to a tile; zeros beyond the
 * rows and columns that are left.
 */
template <int COUNT, int COLUMNS>
__device__ __forceinline__ void copyTile(u32 tile, const bf16* x, int pitch, int rowsLeft, int columnsLeft) {
  constexpr int DOWN = WARPGROUP / 8;
  int thread = threadIdx.x % WARPGROUP, r = thread / 8, c = thread % 8 * 8;
  x += (i64)r * pitch + c;
  tile += placeInBlocks<COUNT>(r, c);
  rowsLeft -= r;
  columnsLeft -= c;
  // Not unrolled: this warpgroup has few registers.
#pragma unroll 1
  for (int i = 0; i < COUNT / DOWN; i++) {
#pragma unroll
    for (int j = 0; j < COLUMNS / 64; j++) cpAsync16(tile + j * COUNT * 128, x + j * 64, rowsLeft > 0 && columnsLeft > j * 64);
    tile += DOWN * 128;
    x += (i64)pitch * DOWN;
    rowsLeft -= DOWN;
  }
}

/** Copies of the copying warpgroup: what was begun last is on its way while the next is begun. */
struct Copies {
  u32 last = 0;  // Its barrier.
  __device__ __forceinline__ void arrive() {
    // The products read shared memory by another way than the copies write it.
    fenceForWgmma();
    barrierArrive(last);
  }
  /** Nothing stays on its way while this waits: those who multiply may need it before they empty a buffer. */
  __device__ __forceinline__ void waitEmpty(u32 empty, u32 parity) {
    if (__all_sync(~0u, barrierPassed(empty, parity))) return;
    finish();
    barrierWait(empty, parity);
  }
  /** What was copied since the last call fills the buffer of `full`. */
  __device__ __forceinline__ void commit(u32 full) {
    cpAsyncCommit();
    if (last != 0) {
      cpAsyncWait<1>();
      arrive();
    }
    last = full;
  }
  __device__ __forceinline__ void finish() {
    if (last == 0) return;
    cpAsyncWait<0>();
    arrive();
    last = 0;
  }
};

/** COUNT buffers in turn: use i is of buffer i % COUNT, in phase i / COUNT of its barriers. */
template <int COUNT>
struct Ring {
  u32 full, empty;
  __device__ __forceinline__ static int buffer(int i) { return i % COUNT; }
  __device__ __forceinline__ u32 fullOf(int i) const { return full + buffer(i) * 8; }
  __device__ __forceinline__ u32 emptyOf(int i) const { return empty + buffer(i) * 8; }
  __device__ __forceinline__ void start() const {
    for (int i = 0; i < COUNT; i++) {
      barrierStart(full + i * 8, 4);
      barrierStart(empty + i * 8, 4 * MULTIPLYING);
    }
  }
  __device__ __forceinline__ void waitFull(int i) const { barrierWait(fullOf(i), i / COUNT & 1); }
  __device__ __forceinline__ void release(int i) const { barrierArrive(emptyOf(i)); }
  /** For one who has no use for it. */
  __device__ __forceinline__ void skip(int i) const {
    waitFull(i);
    release(i);
  }
  __device__ __forceinline__ void waitEmpty(Copies& copies, int i) const { copies.waitEmpty(emptyOf(i), i / COUNT & 1 ^ 1); }
};

/** Words transposed over the four lanes of a row of C: of fragments j … j + 3, lane t gets the 8 columns of fragment j + t. */
__device__ __forceinline__ void transposeOverLanes(u32 (&w)[4]) {
  int t = threadIdx.x % 4;
#pragma unroll
  for (int step = 1; step < 4; step *= 2)
#pragma unroll
    for (int low = 0; low < 4; low++)
      if ((low & step) == 0) {
        u32 given = __shfl_xor_sync(~0u, t & step ? w[low] : w[low + step], step);
        if (t & step) w[low] = given;
        else w[low + step] = given;
      }
}
