import { readFile, stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { z } from "zod";

/** File beside a checkpoint that says what it is. All of it is optional. */
export const modelCardFile = "baltoro.json";

const schema = z.object({
  name: z.string().min(1).optional(),
  description: z.string().default(""),
  trainedOn: z.string().default(""),
  chat: z.boolean().default(true),
});

/** What a checkpoint says about itself. */
export interface ModelCard {
  readonly name: string;
  readonly description: string;
  readonly trainedOn: string;
  readonly chat: boolean;
  /** Unix seconds. */
  readonly created: number;
}

/** Reads baltoro.json. Without one the model is named by its directory and taken for a chat model. @throws if it is malformed */
export async function readModelCard(checkpoint: string): Promise<ModelCard> {
  const path = join(checkpoint, modelCardFile);
  const text = await readFile(path, "utf8").catch(() => "{}");
  const parsed = schema.safeParse(parseJson(text, path));
  if (!parsed.success) throw new Error(`${path}: ${z.prettifyError(parsed.error)}`);
  const { mtimeMs } = await stat(checkpoint);
  return {
    ...parsed.data,
    name: parsed.data.name ?? basename(resolve(checkpoint)),
    created: Math.floor(mtimeMs / 1000),
  };
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${path} is not JSON: ${(error as Error).message}`);
  }
}
