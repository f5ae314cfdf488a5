export { ApiError, type ApiErrorBody } from "./errors.ts";
export { fileRoutes } from "./files.ts";
export { contentSecurityPolicy, createGateway, type Gateway, type GatewayOptions } from "./gateway.ts";
export { isLoopback } from "./guards.ts";
export type { Route } from "./route.ts";
