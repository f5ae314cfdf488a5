/** Text that is no JSON that may be used. `position` is a place in the text; the message never quotes the text. */
export class JsonError extends Error {
  override name = "JsonError";
}

/** Names that reach an object's prototype when they are copied from one object into another. */
const forbidden: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);
const maxDepth = 64;

/**
 * JSON of a stranger: no deeper than 64, and without names that change prototypes.
 *
 * @throws JsonError
 */
export function readJson(text: string): unknown {
  let root: unknown;
  try {
    root = JSON.parse(text);
  } catch (error) {
    // V8 quotes the text in its message: only the position is taken from it.
    const position = /at position (\d+)/.exec((error as Error).message)?.[1];
    throw new JsonError(`not JSON${position === undefined ? "" : ` at character ${position}`}`);
  }
  checkNames(root);
  return root;
}

function checkNames(root: unknown): void {
  let level: unknown[] = [root];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > maxDepth) throw new JsonError(`nested deeper than ${maxDepth}`);
    const next: unknown[] = [];
    for (const value of level) {
      if (typeof value !== "object" || value === null) continue;
      for (const [name, part] of Object.entries(value)) {
        if (!Array.isArray(value) && forbidden.has(name)) throw new JsonError(`the name ${name} is not allowed`);
        if (typeof part === "object" && part !== null) next.push(part);
      }
    }
    level = next;
  }
}
