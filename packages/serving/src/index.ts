export * from "./engine/index.ts";
export * from "./gateway/index.ts";
export { openaiRoutes } from "./openai/index.ts";
