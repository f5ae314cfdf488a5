export { type Engine, EngineBusy, EngineError, startEngine } from "./engine.ts";
export type {
  EngineEvent,
  EngineOptions,
  EngineRequest,
  ModelInfo,
  Prompt,
  PromptToken,
  ScoredToken,
  TokenPiece,
} from "./messages.ts";
