import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import {
  type AuditEntry,
  type AuditHead,
  defaultDataDirectory,
  openAuditLog,
  secretFile,
  verifyAuditLog,
} from "@baltoro/clinic";
import { integerOption, UsageError } from "../usage.ts";
import type { Subcommand } from "./clinic-subcommand.ts";

export const audit: Subcommand = {
  summary: "the log of who asked what: verify, show, back up",
  usage: `baltoro clinic audit verify [--head FILE] | show [--after N] [--limit N] [--json] | head | backup FILE
  the log of who asked what and when

  verify examines every entry; --head FILE, a head that was kept elsewhere, finds a log that was cut off or written anew
  head prints the last entry's place and hash: keep it where the log's machine cannot write

  --data DIR       where keys and audit log are kept, default BALTORO_CLINIC_DATA or the user's data directory`,
  async run(args) {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        ...{ data: { type: "string" }, head: { type: "string" }, json: { type: "boolean" } },
        ...{ after: { type: "string" }, limit: { type: "string" } },
      },
    });
    const [action, file, ...more] = positionals;
    if (more.length > 0 || (action !== "backup" && file !== undefined)) throw new UsageError("too many arguments");
    const directory = values.data ?? defaultDataDirectory();
    if (!["verify", "show", "head", "backup"].includes(action ?? "")) {
      throw new UsageError("expected verify, show, head or backup");
    }
    if (action === "backup" && file === undefined) throw new UsageError("the file to write to is missing");
    if (action === "verify") return verify(directory, values.head === undefined ? undefined : readHead(values.head));
    const log = openAuditLog(directory, { create: false });
    try {
      if (action === "show") {
        const [after, limit] = [integerOption("after", values.after, 0), integerOption("limit", values.limit)];
        for (const entry of log.entries(after ?? 0, limit ?? 1000)) {
          console.log(values.json ? JSON.stringify(entry) : describe(entry));
        }
      } else if (action === "backup") {
        await log.backup(file as string);
        console.log(`entries up to ${log.head().seq} are in ${file}; keep ${secretFile} apart from it`);
      } else console.log(JSON.stringify(log.head()));
      return 0;
    } finally {
      log.close();
    }
  },
};

function verify(directory: string, anchor: AuditHead | undefined): number {
  const { ok, entries, head, problems, notes } = verifyAuditLog(directory, anchor);
  for (const note of notes) console.error(note);
  for (const problem of problems) console.error(problem);
  console.log(ok ? `${entries} entries, none changed; head ${JSON.stringify(head)}` : "the audit log does not verify");
  return ok ? 0 : 1;
}

/** What `audit head` printed. */
function readHead(path: string): AuditHead {
  const wrong = new Error(`${path} is no head: \`baltoro clinic audit head\` prints one`);
  try {
    const { seq, hash } = JSON.parse(readFileSync(path, "utf8")) as AuditHead;
    if (Number.isSafeInteger(seq) && seq >= 0 && /^[0-9a-f]{64}$/.test(hash)) return { seq, hash };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== undefined) throw error;
  }
  throw wrong;
}

function describe({ seq, at, actor, role, action, outcome, note, detail }: AuditEntry): string {
  const more = [note === undefined ? undefined : `note ${note.slice(0, 12)}`, detail].filter(Boolean).join(", ");
  return `${seq}  ${at}  ${actor} (${role})  ${action}: ${outcome}${more ? `  ${more}` : ""}`;
}
