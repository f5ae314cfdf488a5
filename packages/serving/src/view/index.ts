export { applyEvent, replayLog } from "./apply.ts";
export type { Applied, EventHead, ViewEvent } from "./events.ts";
export { conductorId } from "./events.ts";
export { Lanes, rowSize } from "./lanes.ts";
export type { InFlight } from "./requests.ts";
export { checkView, viewState } from "./state.ts";
export { type ClusterView, createView, isLive, overdueRequests, type Repairs, type ViewOptions } from "./view.ts";
