import { userInfo } from "node:os";
import { parseArgs } from "node:util";
import {
  defaultDataDirectory,
  type KeyRecord,
  type KeyStore,
  openAuditLog,
  openKeyStore,
  type Role,
  roles,
} from "@baltoro/clinic";
import { required, UsageError } from "../usage.ts";
import type { Subcommand } from "./clinic-subcommand.ts";

export const keys: Subcommand = {
  summary: "API keys of the clinic's service",
  usage: `baltoro clinic keys add --name NAME --role ${roles.join("|")} | list | revoke ID
  API keys of the clinic's service: add prints a key, once; the first one ends the time without keys

  --data DIR       where keys and audit log are kept, default BALTORO_CLINIC_DATA or the user's data directory
  --json           list: a line of JSON a key`,
  async run(args) {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        name: { type: "string" },
        role: { type: "string" },
        data: { type: "string" },
        json: { type: "boolean" },
      },
    });
    const [action, id, ...more] = positionals;
    if (more.length > 0 || (action !== "revoke" && id !== undefined)) throw new UsageError("too many arguments");
    const directory = values.data ?? defaultDataDirectory();
    switch (action) {
      case "add": {
        const [name, role] = [required("name", values.name), required("role", values.role)];
        if (!roles.includes(role as Role)) throw new UsageError(`--role is none of ${roles.join(", ")}`);
        const { record, key } = change(directory, true, "key.add", (store) => store.add(name, role as Role));
        console.log(key);
        console.error(`key ${record.id}, ${record.role}: it is shown this once, only its hash is kept`);
        return 0;
      }
      case "list": {
        const store = openKeyStore(directory, { create: false });
        for (const key of store.list()) console.log(values.json ? JSON.stringify(key) : describe(key));
        store.close();
        return 0;
      }
      case "revoke":
        if (id === undefined) throw new UsageError("the id of a key is missing");
        change(directory, false, "key.revoke", (store) => ({ record: store.revoke(id) }));
        console.log(`key ${id} is revoked`);
        return 0;
      default:
        throw new UsageError("expected add, list or revoke");
    }
  },
};

/** Changes the keys, and writes down who did. */
function change<T extends { readonly record: KeyRecord }>(
  directory: string,
  create: boolean,
  action: string,
  act: (store: KeyStore) => T,
): T {
  const store = openKeyStore(directory, { create });
  const audit = openAuditLog(directory);
  try {
    const result = act(store);
    const { id, role } = result.record;
    audit.append({ actor: actorName(), role: "operator", action, outcome: "ok", detail: `${id} ${role}` });
    return result;
  } finally {
    store.close();
    audit.close();
  }
}

function describe({ id, name, role, created, revoked }: KeyRecord): string {
  return `${id}  ${role.padEnd(9)}  ${created.slice(0, 10)}  ${name}${revoked === undefined ? "" : `  revoked ${revoked.slice(0, 10)}`}`;
}

/** The user of the system who gives the command. */
function actorName(): string {
  try {
    return `user:${userInfo().username}`;
  } catch {
    return "user:unknown";
  }
}
