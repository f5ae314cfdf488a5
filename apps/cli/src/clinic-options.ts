import { existsSync } from "node:fs";
import { join } from "node:path";
import {
  type ClinicService,
  createClinicService,
  defaultDataDirectory,
  loadCdsTrust,
  startAssessor,
} from "@baltoro/clinic";

const root = join(import.meta.dirname, "../../..");
const shippedModel = join(root, "models/clinic-fusion");

export const clinicFlags = {
  "clinic-model": { type: "string" },
  "clinic-data": { type: "string" },
  "cds-clients": { type: "string" },
} as const;

export const clinicUsage = `--clinic-model DIR the model that assesses notes, default models/clinic-fusion
  --clinic-data DIR  its keys and audit log, default BALTORO_CLINIC_DATA or the user's data directory
  --cds-clients FILE CDS Hooks clients that sign their requests: docs/guide/clinic-service.md`;

/** The clinic of a server, and the line that says how it is. */
export interface Clinic {
  readonly service: ClinicService;
  /** For the operator, once the server has its address. */
  describe(url: string): string;
}

/** @throws for a file of CDS clients that is wrong, and for a data directory, named by the user, that cannot be used */
export function openClinic(
  flags: {
    "clinic-model"?: string | undefined;
    "clinic-data"?: string | undefined;
    "cds-clients"?: string | undefined;
  },
  server: { loopback: boolean; sharedKey: string | undefined },
): Clinic {
  const model = flags["clinic-model"] ?? shippedModel;
  const installed = existsSync(model);
  if (!installed && flags["clinic-model"] !== undefined) throw new Error(`--clinic-model: ${model} is not there`);
  const directory = flags["clinic-data"] ?? defaultDataDirectory();
  const service = createClinicService({
    ...{ directory, ...server },
    startAssessor: installed ? () => startAssessor({ options: { modelDirectory: model } }) : undefined,
    trust: flags["cds-clients"] === undefined ? undefined : loadCdsTrust(flags["cds-clients"]),
  });
  if (flags["clinic-data"] !== undefined) service.open();
  return {
    service,
    describe(url) {
      if (!installed) return `Clinic: no model at models/clinic-fusion; \`baltoro clinic train\` makes one`;
      return `Clinic: ${url}/clinic/v1/assess, ${url}/cds-services · keys and audit log in ${directory}`;
    },
  };
}
