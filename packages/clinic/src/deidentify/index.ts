export { type Deidentified, deidentify, findIdentifiers, type Replacement } from "./deidentify.ts";
export {
  type Found as IdentifierSpan,
  hasValidChecksum,
  type Kind as IdentifierKind,
  kinds as identifierKinds,
} from "./rules.ts";
