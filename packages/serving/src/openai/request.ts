import { randomInt } from "node:crypto";
import { z } from "zod";
import { ApiError } from "../gateway/errors.ts";

const none = <T extends z.ZodType>(type: T) => type.nullish();

/** Parameters that completions and chat completions share. `top_k` and `min_p` are ours (and vLLM's). */
export const sharedParameters = {
  model: z.string(),
  temperature: none(z.number().min(0).max(2)),
  top_p: none(z.number().gt(0).max(1)),
  top_k: none(z.int().min(0)),
  min_p: none(z.number().min(0).max(1)),
  n: none(z.int().min(1).max(16)),
  seed: none(z.int()),
  stop: none(z.union([z.string(), z.array(z.string()).max(16)])),
  stream: none(z.boolean()),
  stream_options: none(z.object({ include_usage: none(z.boolean()) })),
  frequency_penalty: none(z.literal(0)),
  presence_penalty: none(z.literal(0)),
  logit_bias: none(
    z.record(z.string(), z.number()).refine((bias) => Object.keys(bias).length === 0, "is not supported"),
  ),
};

type Shared = z.infer<z.ZodObject<typeof sharedParameters>>;

/** Reads a JSON body and checks it. @throws ApiError 400 that names the parameter */
export async function parseBody<T>(request: Request, schema: z.ZodType<T>): Promise<T> {
  const type = request.headers.get("content-type") ?? "";
  // A page of another origin can send text/plain without asking first; JSON it cannot.
  if (!/^application\/json\b/i.test(type)) {
    throw new ApiError(415, `send Content-Type: application/json, not ${JSON.stringify(type)}`);
  }
  const text = await request.text();
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (error) {
    throw new ApiError(400, `the body is not JSON: ${(error as Error).message}`);
  }
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const param = issue.path.join(".");
  throw new ApiError(400, param === "" ? `the body: ${issue.message}` : `${param}: ${issue.message}`, {
    param: param || null,
    code: issue.code === "invalid_type" ? "invalid_type" : "invalid_value",
  });
}

/** @throws ApiError 404 where another model is asked for */
export function checkModel(model: string, id: string): void {
  if (model === id) return;
  throw new ApiError(404, `the model ${JSON.stringify(model)} does not exist here; there is ${JSON.stringify(id)}`, {
    param: "model",
    code: "model_not_found",
  });
}

/** Sampling of choice `index`: each has a stream of random numbers of its own. A missing seed is drawn. */
export function samplingOf(body: Shared, seed: number, index: number) {
  return {
    temperature: body.temperature ?? 1,
    topP: body.top_p ?? 1,
    topK: body.top_k ?? 0,
    minP: body.min_p ?? 0,
    seed: (seed + index * 0x9e3779b1) % Number.MAX_SAFE_INTEGER,
  };
}

/** The seed of a request, drawn where none is given; negative ones are folded into range. */
export function seedOf(body: Shared): number {
  return body.seed === null || body.seed === undefined ? randomInt(2 ** 47) : Math.abs(body.seed);
}

export function stopsOf(body: Shared): string[] {
  if (body.stop === null || body.stop === undefined) return [];
  return typeof body.stop === "string" ? [body.stop] : body.stop;
}
