export { runKernel, secondPhase } from "./dispatch";
export { setBlasWork } from "./gemm";
export { setTileWidth } from "./gemm-block";
export { work } from "./queue";
export { setScratchBase } from "./scratch";
