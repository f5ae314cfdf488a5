// Warpgroup products, barriers and shares of registers of sm_90a, as PTX.
//
// Operands lie in shared memory as blocks of rows of 64 bf16 (placeInBlocks of mma.cuh, the 128-byte swizzle), each block at a multiple of
// 1024 bytes. Rows run along the inner dimension's other one ("inner is contiguous"),
// or along the inner dimension itself (transposed), and then blocks of 64 follow each other along the outer one.
// PTX ISA, "Asynchronous warpgroup level matrix shared memory layout", "Matrix descriptor".

#include "mma.cuh"

/** Descriptor of an operand at `address`. `blockBytes`: from block to block of a transposed one; otherwise any. */
__device__ __forceinline__ u64 operandOf(u32 address, u32 blockBytes) {
  constexpr u64 SWIZZLE_128 = 1ull << 62, GROUP_OF_8_ROWS = 1024 >> 4;
  return SWIZZLE_128 | GROUP_OF_8_ROWS << 32 | (u64)(blockBytes >> 4) << 16 | (address & 0x3ffff) >> 4;
}

/** Before the first product of a group: registers and shared memory written so far are seen by it. */
__device__ __forceinline__ void wgmmaFence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ __forceinline__ void wgmmaCommit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
/** Waits until at most `pending` of the committed groups run. */
template <int pending>
__device__ __forceinline__ void wgmmaWait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(pending) : "memory");
}
/** Shared memory that this thread wrote in the ordinary way (cp.async too) is seen by wgmma after the next barrier. */
__device__ __forceinline__ void fenceForWgmma() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

/**
 * Before registers that a product wrote are read, after the wait: the compiler does not know that they change until then.
 */
template <int TILES>
__device__ __forceinline__ void settle(float (&c)[TILES][4]) {
#pragma unroll
  for (int j = 0; j < TILES; j++) asm volatile("" : "+f"(c[j][0]), "+f"(c[j][1]), "+f"(c[j][2]), "+f"(c[j][3])::"memory");
}

// C [64, N] = A [64, 16] · B [16, N], added to what is there if `add`. c[j]: columns 8j … of the warp's 16 rows, as fragments of mma's C.
// A in shared memory (wgmma), or in registers as fragments of mma's A, the warp's own 16 rows (wgmmaRegisters).
#define WGMMA_TEN(i) "%" #i "0, %" #i "1, %" #i "2, %" #i "3, %" #i "4, %" #i "5, %" #i "6, %" #i "7, %" #i "8, %" #i "9"
#define WGMMA_D32 "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, " WGMMA_TEN(1) ", " WGMMA_TEN(2) ", %30, %31"
#define WGMMA_D64 WGMMA_D32 ", %32, %33, %34, %35, %36, %37, %38, %39, " WGMMA_TEN(4) ", " WGMMA_TEN(5) ", %60, %61, %62, %63"
#define WGMMA_D96 WGMMA_D64 ", %64, %65, %66, %67, %68, %69, " WGMMA_TEN(7) ", " WGMMA_TEN(8) ", %90, %91, %92, %93, %94, %95"
#define WGMMA_C4(j) "+f"(c[j][0]), "+f"(c[j][1]), "+f"(c[j][2]), "+f"(c[j][3])
#define WGMMA_C16(j) WGMMA_C4(j), WGMMA_C4(j + 1), WGMMA_C4(j + 2), WGMMA_C4(j + 3)
#define WGMMA_C32 WGMMA_C16(0), WGMMA_C16(4)
#define WGMMA_C64 WGMMA_C32, WGMMA_C16(8), WGMMA_C16(12)
#define WGMMA_C96 WGMMA_C64, WGMMA_C16(16), WGMMA_C16(20)
/** For N columns, REGISTERS = N / 2 of C; i0 … i6: numbers of the operands after those. */
#define WGMMA_PRODUCTS(N, REGISTERS, i0, i1, i2, i3, i4, i5, i6)                                                                       \
  template <bool TRANSPOSED_A, bool TRANSPOSED_B>                                                                                      \
  __device__ __forceinline__ void wgmma(float (&c)[N / 8][4], u64 a, u64 b, bool add) {                                                \
    asm volatile("{ .reg .pred adds; setp.ne.b32 adds, %" #i2 ", 0; wgmma.mma_async.sync.aligned.m64n" #N "k16.f32.bf16.bf16 {"        \
                 WGMMA_D##REGISTERS "}, %" #i0 ", %" #i1 ", adds, 1, 1, %" #i3 ", %" #i4 "; }"                                         \
                 : WGMMA_C##REGISTERS                                                                                                  \
                 : "l"(a), "l"(b), "r"((int)add), "n"(TRANSPOSED_A), "n"(TRANSPOSED_B));                                               \
  }                                                                                                                                    \
  template <bool TRANSPOSED_B>                                                                                                         \
  __device__ __forceinline__ void wgmmaRegisters(float (&c)[N / 8][4], const u32 (&a)[4], u64 b, bool add) {                           \
    asm volatile("{ .reg .pred adds; setp.ne.b32 adds, %" #i5 ", 0; wgmma.mma_async.sync.aligned.m64n" #N "k16.f32.bf16.bf16 {"        \
                 WGMMA_D##REGISTERS "}, {%" #i0 ", %" #i1 ", %" #i2 ", %" #i3 "}, %" #i4 ", adds, 1, 1, %" #i6 "; }"                   \
                 : WGMMA_C##REGISTERS                                                                                                  \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"((int)add), "n"(TRANSPOSED_B));                              \
  }
WGMMA_PRODUCTS(64, 32, 32, 33, 34, 35, 36, 37, 38)
WGMMA_PRODUCTS(128, 64, 64, 65, 66, 67, 68, 69, 70)
WGMMA_PRODUCTS(192, 96, 96, 97, 98, 99, 100, 101, 102)

// Barriers in shared memory (mbarrier): phases follow each other, each over when `arrivals` have arrived.
__device__ __forceinline__ void barrierStart(u32 barrier, int arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals) : "memory");
}
/** By one lane for its warp, whose lanes have done what the barrier tells of. */
__device__ __forceinline__ void barrierArrive(u32 barrier) {
  __syncwarp();
  if (threadIdx.x % 32 == 0) asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory");
}
/** Whether the phase of this parity is over; 1 is so before the first. */
__device__ __forceinline__ bool barrierPassed(u32 barrier, u32 parity) {
  u32 passed;
  asm volatile("{ .reg .pred p; mbarrier.test_wait.parity.shared::cta.b64 p, [%1], %2; selp.u32 %0, 1, 0, p; }"
               : "=r"(passed)
               : "r"(barrier), "r"(parity)
               : "memory");
  return passed != 0;
}
__device__ __forceinline__ void barrierWait(u32 barrier, u32 parity) {
  asm volatile(
      "{ .reg .pred p; AGAIN: mbarrier.try_wait.parity.shared::cta.b64 p, [%0], %1; @p bra OVER; bra AGAIN; OVER: }" ::"r"(barrier), "r"(parity)
      : "memory");
}
/** A barrier of the 128 threads of a warpgroup; `id` from 1 to 15. */
__device__ __forceinline__ void syncWarpgroup(int id) { asm volatile("bar.sync %0, 128;" ::"r"(id) : "memory"); }

/** A warpgroup's registers a thread from here on, a multiple of 8: gives some to the block's others, or takes what they gave. */
template <int registers>
__device__ __forceinline__ void giveRegisters() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(registers));
}
template <int registers>
__device__ __forceinline__ void takeRegisters() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(registers));
}
