export { type Observation, type ObservationOptions, toObservations } from "./observation.ts";
