// Shared by attention on warpgroups (sm_90a), bf16 in and out, sums in f32, for heads of QK_DIM and V_DIM: multiples of 64, V_DIM ≤ QK_DIM ≤ 192.
//
// A block is three warpgroups. The first copies tiles of the other side into shared memory (FlashAttention-3, Shah et al. 2024); the other two
// own 64 rows each and multiply. Every buffer has two barriers: `full` when its rows are there, `empty` when both have done with them.
// A row sees a range of the other side: its document, cut by causality. Documents are ranges, so that no ids are looked at here.
#include "wgmma.cuh"
#include "attention.cuh"

#define WARPGROUP 128
#define OWN_ROWS 64  // of a warpgroup
#define ROWS (2 * OWN_ROWS)
#define THREADS (3 * WARPGROUP)
/** Registers of a thread, of 168 on the average. */
#define REGISTERS_COPYING 24
#define REGISTERS_MULTIPLYING 240
/** Warps that arrive at a barrier. */
#define COPYING_WARPS 4
#define MULTIPLYING_WARPS 8

/** Positions first … first + COUNT − 1 of x, by one warpgroup, on their way to a tile of blocks of COUNT rows; zeros beyond the sequence. */
template <int COUNT, int DIM>
__device__ __forceinline__ void copyRows(u32 tile, const bf16* x, Head head, int first) {
  constexpr int DOWN = WARPGROUP / 8;
  int thread = threadIdx.x % WARPGROUP, r = thread / 8, c = thread % 8 * 8;
  x += (i64)(head.row + (first + r) * head.stride) * DIM + c;
  tile += placeInBlocks<COUNT>(r, c);
#pragma unroll
  for (int i = 0; i < COUNT / DOWN; i++) {
    bool inside = first + r + i * DOWN < head.sequence;
#pragma unroll
    for (int j = 0; j < DIM / 64; j++) cpAsync16(tile + (j * COUNT + i * DOWN) * 128, x + j * 64, inside);
    x += (i64)DOWN * head.stride * DIM;
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
      barrierStart(full + i * 8, COPYING_WARPS);
      barrierStart(empty + i * 8, MULTIPLYING_WARPS);
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

/** Positions from … to of the other side. */
struct Range {
  int from, to;
};
/** What row `own` sees, or if KEYS are the rows, what sees it. */
template <bool KEYS>
__device__ __forceinline__ Range rangeOf(const int2* ends, int own, int causal) {
  int2 document = ends[own];
  return {KEYS && causal ? own : document.x, !KEYS && causal ? own : document.y};
}
/** Tiles of COUNT rows that some of the rows first … last see. */
template <bool KEYS, int COUNT>
__device__ __forceinline__ Range tilesOf(const int2* ends, int first, int last, int causal) {
  return {rangeOf<KEYS>(ends, first, causal).from / COUNT, rangeOf<KEYS>(ends, last, causal).to / COUNT};
}

/** The rows of a warp: what all of them see is kept, what each sees is read again where it matters. */
template <bool KEYS>
struct Rows {
  const int2* ends;
  int first, sequence, causal;
  Range all;
  /** `own`: the first of the warpgroup's. Rows beyond the sequence stand for its last. */
  __device__ __forceinline__ Rows(const int2* ends, int own, int sequence, int causal)
      : ends(ends), first(own + threadIdx.x % WARPGROUP / 32 * 16), sequence(sequence), causal(causal) {
    all = {rangeOf<KEYS>(ends, known(first + 15), causal).from, rangeOf<KEYS>(ends, known(first), causal).to};
  }
  __device__ __forceinline__ int known(int row) const { return row < sequence ? row : sequence - 1; }
  /** The thread's rows of C: 0 and 1. */
  __device__ __forceinline__ int row(int i) const { return first + threadIdx.x % 32 / 4 + i * 8; }
  /** Puts `hidden` where a row does not see the column; columns start at `start`. */
  template <int TILES>
  __device__ __forceinline__ void hide(float (&x)[TILES][4], float hidden, int start) const {
    if (start >= all.from && start + TILES * 8 - 1 <= all.to) return;
    int column = start + threadIdx.x % 4 * 2;
#pragma unroll
    for (int r = 0; r < 2; r++) {
      Range seen = rangeOf<KEYS>(ends, known(row(r)), causal);
#pragma unroll
      for (int j = 0; j < TILES; j++)
#pragma unroll
        for (int c = 0; c < 2; c++) {
          int at = column + j * 8 + c;
          if (at < seen.from || at > seen.to) x[j][r * 2 + c] = hidden;
        }
    }
  }
};

/** C = A · Bᵀ begun: A [64, DIM] of blocks of ROWS rows, B [COLUMNS, DIM]. */
template <int DIM, int COLUMNS>
__device__ __forceinline__ void beginRows(float (&c)[COLUMNS / 8][4], u32 a, u32 b) {
  u64 operandA = operandOf(a, 0), operandB = operandOf(b, 0);
  wgmmaFence();
#pragma unroll
  for (int d = 0; d < DIM; d += 16)
    wgmma<false, false>(c, operandA + placeInBlocks<ROWS>(0, d) / 16, operandB + placeInBlocks<COLUMNS>(0, d) / 16, d > 0);
  wgmmaCommit();
}
/** C = P · B begun, or C += P · B: P [64, COUNT] as fragments of A, B [COUNT, DIM]. */
template <int COUNT, int DIM>
__device__ __forceinline__ void beginColumns(float (&c)[DIM / 8][4], const u32 (&p)[COUNT / 16][4], u32 b, bool add) {
  u64 operandB = operandOf(b, COUNT * 128);
  wgmmaFence();
#pragma unroll
  for (int j = 0; j < COUNT / 16; j++) wgmmaRegisters<true>(c, p[j], operandB + j * 16 * 128 / 16, add || j > 0);
  wgmmaCommit();
}

/**
 * A warpgroup's 64 rows, factor · acc, to y at `first` as bf16, whole lines at a time; rows beyond the sequence are left out. They pass through
 * `tile`: its part of a tile of blocks of ROWS rows that is read no more, with DIM columns at least.
 */
template <int DIM>
__device__ __forceinline__ void storeOwn(
    char* tile, bf16* y, Head head, int first, const float (&acc)[DIM / 8][4], float factor0, float factor1) {
  int thread = threadIdx.x % WARPGROUP, row = thread / 32 * 16 + thread % 32 / 4, column = thread % 4 * 2;
#pragma unroll
  for (int j = 0; j < DIM / 8; j++) {
    *(u32*)(tile + placeInBlocks<ROWS>(row, j * 8 + column)) = packBf16(acc[j][0] * factor0, acc[j][1] * factor0);
    *(u32*)(tile + placeInBlocks<ROWS>(row + 8, j * 8 + column)) = packBf16(acc[j][2] * factor1, acc[j][3] * factor1);
  }
  syncWarpgroup(threadIdx.x / WARPGROUP);
#pragma unroll
  for (int at = thread; at < OWN_ROWS * DIM / 8; at += WARPGROUP) {
    int r = at / (DIM / 8), c = at % (DIM / 8) * 8, s = first + r;
    if (s < head.sequence) *(uint4*)(y + (i64)(head.row + s * head.stride) * DIM + c) = *(const uint4*)(tile + placeInBlocks<ROWS>(r, c));
  }
}
