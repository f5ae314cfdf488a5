export { gemm } from "./gemm";
export { setTileWidth } from "./gemm-block";
export { groupedGemm, groupedGemmWeightGrad } from "./gemm-grouped";
export { setScratchBase } from "./scratch";
