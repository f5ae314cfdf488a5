import type { IssueCode } from "./types.ts";

/** What is wrong with a resource. `path` is FHIRPath; neither it nor the message ever quotes the resource's content. */
export class FhirError extends Error {
  override name = "FhirError";
  readonly path: string;
  readonly code: IssueCode;
  constructor(path: string, message: string, code: IssueCode = "structure") {
    super(`${path}: ${message}`);
    this.path = path;
    this.code = code;
  }
}

/** An object of a bundle, with its place. */
export interface Node {
  readonly path: string;
  readonly value: Readonly<Record<string, unknown>>;
}

export function nodeOf(value: unknown, path: string): Node {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new FhirError(path, "expected an object");
  return { path, value: value as Record<string, unknown> };
}

function own(node: Node, name: string): unknown {
  return Object.hasOwn(node.value, name) ? node.value[name] : undefined;
}

/** An element that is an object; undefined where it is absent. @throws FhirError */
export function child(node: Node, name: string): Node | undefined {
  const value = own(node, name);
  return value === undefined ? undefined : nodeOf(value, `${node.path}.${name}`);
}

/** An element that repeats; empty where it is absent. @throws FhirError */
export function children(node: Node, name: string): Node[] {
  const value = own(node, name);
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw new FhirError(`${node.path}.${name}`, "expected an array");
  return value.map((part, i) => nodeOf(part, `${node.path}.${name}[${i}]`));
}

/** An element that is a string. @throws FhirError */
export function text(node: Node, name: string): string | undefined {
  const value = own(node, name);
  if (value === undefined) return undefined;
  if (typeof value !== "string") throw new FhirError(`${node.path}.${name}`, "expected a string");
  return value;
}

/** An element that is a number. @throws FhirError */
export function decimal(node: Node, name: string): number | undefined {
  const value = own(node, name);
  if (value === undefined) return undefined;
  if (typeof value !== "number" || !Number.isFinite(value)) {
    throw new FhirError(`${node.path}.${name}`, "expected a number");
  }
  return value;
}
