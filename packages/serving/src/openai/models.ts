import type { Engine } from "../engine/index.ts";
import { ApiError } from "../gateway/errors.ts";
import type { Route } from "../gateway/route.ts";

/** GET /v1/models and /v1/models/:id. `baltoro` holds what OpenAI's fields have no room for. */
export function modelRoutes(engine: Engine): Route[] {
  const { id, created, ...baltoro } = engine.model;
  const entry = { id, object: "model", created, owned_by: "baltoro", baltoro };
  return [
    { method: "GET", path: "/v1/models", handle: () => Response.json({ object: "list", data: [entry] }) },
    {
      method: "GET",
      path: "/v1/models/:id",
      handle(context) {
        const asked = context.req.param("id");
        if (asked === id) return Response.json(entry);
        throw new ApiError(
          404,
          `the model ${JSON.stringify(asked)} does not exist here; there is ${JSON.stringify(id)}`,
          {
            param: "model",
            code: "model_not_found",
          },
        );
      },
    },
  ];
}
