export { ConfigError } from "../costs/config-error.ts";
export {
  type ClusterShape,
  type CoupledConfig,
  parseCluster,
  type SimulationConfig,
  type SimulationInput,
  simulationConfig,
} from "./config.ts";
export { EventQueue } from "./event-queue.ts";
export { Links } from "./links.ts";
export type * from "./result.ts";
export { createSimulation, type Simulation, type SimulationOptions, simulate } from "./simulation.ts";
