import { createHash } from "node:crypto";

/** What happened, as the service tells it. No field ever holds text of a note. */
export interface AuditEvent {
  /** Key id, "local", or "iss:…" of a CDS client; "unknown" where nobody was let in. */
  readonly actor: string;
  readonly role: string;
  /** "assess", "cds.respiratory-differential", "cds.feedback", "key.add", … */
  readonly action: string;
  /** "ok", "denied", "failed", "refused". */
  readonly outcome: string;
  /** Keyed hash of the note (AuditLog.hashNote). */
  readonly note?: string;
  /** Hash of the model. */
  readonly model?: string;
  /** Anything else that is no patient's: a card's UUID, a key's id. */
  readonly detail?: string;
}

/** A row of the log. */
export interface AuditEntry extends AuditEvent {
  /** 1, 2, 3, … without a gap. */
  readonly seq: number;
  /** ISO 8601, UTC. */
  readonly at: string;
  /** Hash of the entry before, of the first: 64 zeros. */
  readonly previous: string;
  readonly hash: string;
}

/** The hash before the first entry. */
export const origin = "0".repeat(64);

/** In the order in which they are hashed. */
export const hashedFields = [
  "seq",
  "at",
  "actor",
  "role",
  "action",
  "outcome",
  "note",
  "model",
  "detail",
  "previous",
] as const;

/**
 * SHA-256 over all fields, each with its type and length before it, so that no two entries share an encoding: an absent field is not
 * an empty one, and nothing moves from one field into the next.
 */
export function hashEntry(
  entry: Readonly<Partial<Record<(typeof hashedFields)[number], string | number | null>>>,
): string {
  const hash = createHash("sha256").update("baltoro.audit/1\n");
  for (const field of hashedFields) {
    const value = entry[field] ?? null;
    const bytes = Buffer.from(value === null ? "" : String(value), "utf8");
    hash.update(`${value === null ? "-" : typeof value === "number" ? "i" : "t"}${bytes.length}:`).update(bytes);
  }
  return hash.digest("hex");
}
