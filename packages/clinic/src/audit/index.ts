export type { AuditEntry, AuditEvent } from "./entry.ts";
export { type AuditHead, type AuditLog, type AuditOptions, openAuditLog, secretFile } from "./log.ts";
export { type Verification, verifyAuditLog } from "./verify.ts";
