// Shared by attention on warpgroups (sm_90a), bf16 in and out, sums in f32, for heads of QK_DIM and V_DIM: multiples of 64, V_DIM ≤ QK_DIM ≤ 192.
//
// A block is three warpgroups. The first copies tiles into shared memory (FlashAttention-3, Shah et al. 2024); the other two own 64 rows each
// and multiply. Every buffer has two barriers: `full` when its rows are there, `empty` when both have done with them. There are as many
// blocks as multiprocessors; each takes tasks, tiles of own rows, until there are none: copies of the next begin while one is finished.
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
  int left = head.sequence - first - r;
  // Not unrolled: this warpgroup has few registers.
#pragma unroll 1
  for (int i = 0; i < COUNT / DOWN; i++) {
#pragma unroll
    for (int j = 0; j < DIM / 64; j++) cpAsync16(tile + j * COUNT * 128, x + j * 64, left > 0);
    tile += DOWN * 128;
    x += head.stride * (DOWN * DIM);
    left -= DOWN;
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
      // Transposed over the four lanes of a row: lane t gets the 8 columns of fragment j + t.
#pragma unroll
      for (int step = 1; step < 4; step *= 2)
#pragma unroll
        for (int low = 0; low < 4; low++)
          if ((low & step) == 0) {
            u32 given = __shfl_xor_sync(~0u, t & step ? w[low] : w[low + step], step);
            if (t & step) w[low] = given;
            else w[low + step] = given;
          }
      if (row < head.sequence) *(uint4*)(to + j * 8) = make_uint4(w[0], w[1], w[2], w[3]);
    }
  }
}
