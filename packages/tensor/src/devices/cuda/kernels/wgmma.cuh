// Warpgroup products of sm_90a, as PTX. Put after mma.cuh, before files compiled with WGMMA=1.
//
// Operands lie in shared memory as blocks of rows of 64 bf16 (128 bytes), the 16-byte chunks of a row permuted by its number modulo 8
// (the 128-byte swizzle), each block at a multiple of 1024 bytes. Rows run along the inner dimension's other one ("inner is contiguous"),
// or along the inner dimension itself (transposed), and then blocks of 64 follow each other along the outer one.
// PTX ISA, "Asynchronous warpgroup level matrix shared memory layout", "Matrix descriptor".

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

/** C [64, 128] = A [64, 16] · B [16, 128], added to what is there if `add`. c[j]: columns 8j … of the warp's 16 rows, as fragments of mma's C. */
template <bool TRANSPOSED_A, bool TRANSPOSED_B>
__device__ __forceinline__ void wgmma(float (&c)[16][4], u64 a, u64 b, bool add) {
  asm volatile(
      "{ .reg .pred adds; setp.ne.b32 adds, %66, 0; "
      "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {"
      "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
      "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "
      "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "
      "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63}, "
      "%64, %65, adds, 1, 1, %67, %68; }"
      : "+f"(c[0][0]), "+f"(c[0][1]), "+f"(c[0][2]), "+f"(c[0][3]), "+f"(c[1][0]), "+f"(c[1][1]), "+f"(c[1][2]), "+f"(c[1][3]),
        "+f"(c[2][0]), "+f"(c[2][1]), "+f"(c[2][2]), "+f"(c[2][3]), "+f"(c[3][0]), "+f"(c[3][1]), "+f"(c[3][2]), "+f"(c[3][3]),
        "+f"(c[4][0]), "+f"(c[4][1]), "+f"(c[4][2]), "+f"(c[4][3]), "+f"(c[5][0]), "+f"(c[5][1]), "+f"(c[5][2]), "+f"(c[5][3]),
        "+f"(c[6][0]), "+f"(c[6][1]), "+f"(c[6][2]), "+f"(c[6][3]), "+f"(c[7][0]), "+f"(c[7][1]), "+f"(c[7][2]), "+f"(c[7][3]),
        "+f"(c[8][0]), "+f"(c[8][1]), "+f"(c[8][2]), "+f"(c[8][3]), "+f"(c[9][0]), "+f"(c[9][1]), "+f"(c[9][2]), "+f"(c[9][3]),
        "+f"(c[10][0]), "+f"(c[10][1]), "+f"(c[10][2]), "+f"(c[10][3]), "+f"(c[11][0]), "+f"(c[11][1]), "+f"(c[11][2]), "+f"(c[11][3]),
        "+f"(c[12][0]), "+f"(c[12][1]), "+f"(c[12][2]), "+f"(c[12][3]), "+f"(c[13][0]), "+f"(c[13][1]), "+f"(c[13][2]), "+f"(c[13][3]),
        "+f"(c[14][0]), "+f"(c[14][1]), "+f"(c[14][2]), "+f"(c[14][3]), "+f"(c[15][0]), "+f"(c[15][1]), "+f"(c[15][2]), "+f"(c[15][3])
      : "l"(a), "l"(b), "r"((int)add), "n"(TRANSPOSED_A), "n"(TRANSPOSED_B));
}
