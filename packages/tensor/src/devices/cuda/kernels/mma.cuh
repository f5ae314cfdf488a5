// Tensor cores and asynchronous copies of sm_80 and later, as PTX.
//
// Fragments of mma.m16n8k16, with g = lane / 4 and t = lane % 4 (PTX ISA, "Matrix fragments for mma.m16n8k16"):
//   A [16, 16]: a[0] = A[g][2t, 2t+1], a[1] = A[g+8][2t..], a[2] = A[g][2t+8..], a[3] = A[g+8][2t+8..]
//   B [16, 8]:  b[0] = B[2t, 2t+1][g], b[1] = B[2t+8, 2t+9][g]
//   C [16, 8]:  c[0], c[1] = C[g][2t, 2t+1]; c[2], c[3] = C[g+8][2t, 2t+1]

#define DYNAMIC_SHARED(name) extern __shared__ __align__(1024) char name[]

__device__ __forceinline__ u32 sharedAddress(const void* pointer) { return (u32)__cvta_generic_to_shared(pointer); }

/** 16 bytes (4 in cpAsync4) to shared memory on their way; zeros where not valid, and then nothing is read. */
__device__ __forceinline__ void cpAsync16(u32 shared, const void* global, bool valid) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared), "l"(global), "r"(valid ? 16 : 0) : "memory");
}
__device__ __forceinline__ void cpAsync4(u32 shared, const void* global, bool valid) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(shared), "l"(global), "r"(valid ? 4 : 0) : "memory");
}
__device__ __forceinline__ void cpAsyncCommit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
/** Waits until at most `pending` of the groups that this thread committed are on their way. */
template <int pending>
__device__ __forceinline__ void cpAsyncWait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(pending) : "memory");
}

/**
 * Byte of element [r, c] in a tile of ROWS rows, cut into blocks of 64 columns (128 bytes). A row's chunks of 16 bytes are permuted by its number,
 * so that the 8 rows of a matrix are in different banks; it is the layout that wgmma reads (wgmma.cuh).
 */
template <int ROWS>
__device__ __forceinline__ u32 placeInBlocks(int r, int c) {
  return (c / 64 * ROWS + r) * 128 + ((c / 8 & 7) ^ (r & 7)) * 16 + c % 8 * 2;
}

/** Four 8 × 8 matrices; lane 8i + r gives the address of row r of matrix i. r[i] = M_i[g][2t, 2t+1], transposed: M_i[2t, 2t+1][g]. */
__device__ __forceinline__ void ldmatrix(u32 (&r)[4], u32 address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address)
               : "memory");
}
__device__ __forceinline__ void ldmatrixTransposed(u32 (&r)[4], u32 address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address)
               : "memory");
}

/** C += A · B, bf16 in and f32 out. */
__device__ __forceinline__ void mma(float (&c)[4], const u32 (&a)[4], u32 b0, u32 b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/** 2^x to 2 ulp; 2^−∞ = 0. */
__device__ __forceinline__ float exp2Fast(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
