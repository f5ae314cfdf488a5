// Shared by attention on warpgroups (sm_90a), bf16 in and out, sums in f32, for heads of QK_DIM and V_DIM: multiples of 64, V_DIM ≤ QK_DIM ≤ 192.
//
// A block is three warpgroups (pipeline.cuh; FlashAttention-3, Shah et al. 2024): one copies, two own 64 rows each. There are as many blocks as
// multiprocessors; each takes tasks, tiles of own rows, until there are none: copies of the next begin while one is finished.
// A row sees a range of the other side: its document, cut by causality. Documents are ranges, so that no ids are looked at here.
#define MULTIPLYING 2
#include "pipeline.cuh"
#include "attention.cuh"

#define OWN_ROWS 64  // of a warpgroup
#define ROWS (2 * OWN_ROWS)

/** Positions first … first + COUNT − 1 of x on their way to a tile, zeros beyond the sequence. */
template <int COUNT, int DIM>
__device__ __forceinline__ void copyRows(u32 tile, const bf16* x, Head head, int first) {
  copyTile<COUNT, DIM>(tile, x + (i64)(head.row + first * head.stride) * DIM, head.stride * DIM, head.sequence - first, DIM);
}

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

/** ROWS rows of one head from `first` on, and the tiles of the other side that they see. */
template <bool KEYS, int COUNT>
struct Task {
  Head head;
  const int2* ends;  // Of its sequence.
  i64 stats;         // Where the head's lse, rowMax and delta start.
  int first, causal;
  Range tiles;
  /** The number-th of those that `total` counts: what takes longest comes first. */
  __device__ __forceinline__ Task(int number, const int2* allEnds, int batch, int sequence, int heads, int causal) : causal(causal) {
    Place place = placeOf(number, (sequence + ROWS - 1) / ROWS, heads, batch, !KEYS && causal);
    head = {place.batch * sequence * heads + place.head, heads, sequence};
    ends = allEnds + (i64)place.batch * sequence;
    stats = ((i64)place.batch * heads + place.head) * sequence;
    first = place.tile * ROWS;
    tiles = seenBy(first, ROWS);
  }
  __device__ __forceinline__ static int total(int batch, int sequence, int heads) { return (sequence + ROWS - 1) / ROWS * heads * batch; }
  __device__ __forceinline__ int uses() const { return tiles.to - tiles.from + 1; }
  /** Tiles that `count` rows from `from` on see. */
  __device__ __forceinline__ Range seenBy(int from, int count) const {
    return tilesOf<KEYS, COUNT>(ends, from, (from + count < head.sequence ? from + count : head.sequence) - 1, causal);
  }
};

/** Hands the numbers of tasks from the copying warpgroup, which counts them up for all blocks, to the others; −1 behind the last. */
struct Tasks {
  Ring<2> ring;
  int* slots;
  __device__ __forceinline__ int give(Copies& copies, int n, int* counter, int total) const {
    ring.waitEmpty(copies, n);
    if (threadIdx.x == 0) {
      int next = atomicAdd(counter, 1);
      slots[n & 1] = next < total ? next : -1;
    }
    syncWarpgroup(1);
    int number = slots[n & 1];
    barrierArrive(ring.fullOf(n));
    return number;
  }
  __device__ __forceinline__ int take(int n) const {
    ring.waitFull(n);
    int number = slots[n & 1];
    ring.release(n);
    return number;
  }
};

/** In shared memory behind the tiles: barriers, slots of tasks, what each row of a block sees. */
#define BYTES_BARRIERS 256
#define BYTES_SLOTS 16

/** The 16 rows of a warp, and the positions that all of them see. */
struct Rows {
  int first;
  Range* seen;
  Range all;
  /** `own`: the first of the warpgroup's. Rows beyond the sequence stand for its last. */
  template <bool KEYS, int COUNT>
  __device__ __forceinline__ Rows(char* barriers, const Task<KEYS, COUNT>& task, int own) {
    int lane = threadIdx.x % 32, warpRow = threadIdx.x % WARPGROUP / 32 * 16, last = task.head.sequence - 1;
    first = own + warpRow;
    seen = (Range*)(barriers + BYTES_BARRIERS + BYTES_SLOTS) + (threadIdx.x / WARPGROUP - 1) * OWN_ROWS + warpRow;
    // The last task's are read no more.
    __syncwarp();
    if (lane < 16) seen[lane] = rangeOf<KEYS>(task.ends, first + lane < last ? first + lane : last, task.causal);
    __syncwarp();
    // Neither end decreases from row to row.
    all = {seen[15].from, seen[0].to};
  }
  /** The thread's rows of C: 0 and 1. */
  __device__ __forceinline__ int row(int i) const { return first + threadIdx.x % 32 / 4 + i * 8; }
  /** Logits −∞ where a row does not see the column; columns start at `start`. */
  template <int TILES>
  __device__ __forceinline__ void hide(float (&x)[TILES][4], int start) const {
    if (start >= all.from && start + TILES * 8 - 1 <= all.to) return;
    int column = start + threadIdx.x % 4 * 2;
#pragma unroll
    for (int r = 0; r < 2; r++) {
      Range own = seen[threadIdx.x % 32 / 4 + r * 8];
#pragma unroll
      for (int j = 0; j < TILES; j++)
#pragma unroll
        for (int c = 0; c < 2; c++) {
          int at = column + j * 8 + c;
          if (at < own.from || at > own.to) x[j][r * 2 + c] = -INFINITY;
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
    wgmma<false, false>(c, advance(operandA, placeInBlocks<ROWS>(0, d)), advance(operandB, placeInBlocks<COLUMNS>(0, d)), d > 0);
  wgmmaCommit();
}
/** C = P · B begun, or C += P · B: P [64, COUNT] as fragments of A, B [COUNT, DIM]. */
template <int COUNT, int DIM>
__device__ __forceinline__ void beginColumns(float (&c)[DIM / 8][4], const u32 (&p)[COUNT / 16][4], u32 b, bool add) {
  u64 operandB = operandOf(b, COUNT * 128);
  wgmmaFence();
#pragma unroll
  for (int j = 0; j < COUNT / 16; j++) wgmmaRegisters<true>(c, p[j], advance(operandB, j * 16 * 128), add || j > 0);
  wgmmaCommit();
}

/** A thread's rows of C, factor · acc, to y as bf16, 64 bytes of a row at a time; rows beyond the sequence are left out. */
template <int DIM>
__device__ __forceinline__ void storeRows(
    bf16* y, Head head, const Rows& rows, const float (&acc)[DIM / 8][4], float factor0, float factor1) {
  int t = threadIdx.x % 4;
#pragma unroll
  for (int r = 0; r < 2; r++) {
    int row = rows.row(r);
    bf16* to = y + (i64)(head.row + row * head.stride) * DIM + t * 8;
    float factor = r == 0 ? factor0 : factor1;
#pragma unroll
    for (int j = 0; j < DIM / 8; j += 4) {
      u32 w[4];
#pragma unroll
      for (int i = 0; i < 4; i++) w[i] = packBf16(acc[j + i][r * 2] * factor, acc[j + i][r * 2 + 1] * factor);
      transposeOverLanes(w);
      if (row < head.sequence) *(uint4*)(to + j * 8) = make_uint4(w[0], w[1], w[2], w[3]);
    }
  }
}
