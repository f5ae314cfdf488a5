import type { Engine } from "../engine/index.ts";
import type { Route } from "../gateway/route.ts";
import { chatRoute } from "./chat.ts";
import { completionsRoute } from "./completions.ts";
import { modelRoutes } from "./models.ts";

/** OpenAI's API over an engine: models, completions, chat completions. */
export function openaiRoutes(engine: Engine): Route[] {
  return [...modelRoutes(engine), completionsRoute(engine), chatRoute(engine)];
}
