/** A process that appends to a log until it is killed, or `count` entries: DIRECTORY NAME COUNT. */
import { openAuditLog } from "../src/index.ts";

const [directory, actor, count] = process.argv.slice(2);
const log = openAuditLog(directory);
for (let i = 0; i < Number(count); i++) {
  const { seq } = log.append({ actor, role: "clinician", action: "assess", outcome: "ok", detail: String(i) });
  process.stdout.write(`${seq}\n`);
}
log.close();
