export { openReferenceBackend } from "./backend.ts";
