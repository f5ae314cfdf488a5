export { type AcrossRanks, acrossRanks } from "./agreement.ts";
export {
  type Communicator,
  RankError,
  type ReduceOp,
  rankTimeoutSeconds,
} from "./communicator.ts";
export { expertParallel } from "./expert-parallel.ts";
export { hostCommunicator } from "./host-communicator.ts";
export {
  joinGroup,
  type LocalRanks,
  type LocalRanksOptions,
  type RankExit,
  startLocalRanks,
} from "./local-group.ts";
export { ncclCommunicator } from "./nccl-communicator.ts";
export { gpuOfRank, type RankPlace, ranksFromEnvironment } from "./ranks.ts";
export { type Rendezvous, rendezvousFromEnvironment } from "./rendezvous.ts";
export { type Piece, type PlannedParameter, planShards, type ShardPlan } from "./shard-plan.ts";
export { type SavedTensor, type ShardedOptimizer, savedTensors, shardOptimizer } from "./sharded-optimizer.ts";
export { openSocketTransport, type SocketTransport, type SocketTransportOptions } from "./socket-transport.ts";
export { type RankContext, type RankOutcomes, runThreadRanks, type ThreadRanksOptions } from "./thread-ranks.ts";
export { createThreadGroup, failThreadGroup, type ThreadGroup, threadTransport } from "./thread-transport.ts";
export type { Transport } from "./transport.ts";
