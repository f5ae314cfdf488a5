import type { KernelName } from "../../kernels/index.ts";

/** Code of its own for kernels of the table where their weights are fp8e4m3; numbered behind the table's. */
export const fp8Variants = { gemm: "gemmFp8", groupedGemm: "groupedGemmFp8" } as const satisfies Partial<
  Record<KernelName, string>
>;
