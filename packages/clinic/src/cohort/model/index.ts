export { type Detail, drawPatient, drawState, type Patient, type Told } from "./patient.ts";
export { type Modality, posterior } from "./posterior.ts";
export { type Random, randomOf } from "./random.ts";
export { fromScale, type State, statesAt } from "./states.ts";
export { findings, panels, population, type Setting, settings, sources, type ValueRow, values } from "./tables.ts";
