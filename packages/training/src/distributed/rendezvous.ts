import type { RankPlace } from "./ranks.ts";

/** Where rank 0 of a group on several machines listens. */
export interface Rendezvous {
  readonly host: string;
  readonly port: number;
  /** Tells groups apart: a rank of another one is turned away. */
  readonly group: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Names another place than the launcher's. */
const placeVariable = "BALTORO_RENDEZVOUS";
/** Ports for Slurm's jobs begin here, as they do for others who derive them from the job's number. */
const firstSlurmPort = 15_000;

/**
 * Where the ranks of several machines meet: BALTORO_RENDEZVOUS (host:port), else MASTER_ADDR and MASTER_PORT, which torchrun sets. In a Slurm
 * job those two may be missing: the first machine of the step, and a port made of the job's number.
 *
 * Within torchrun the port is the next one: torchrun's own store listens on MASTER_PORT.
 *
 * @throws Error where they are missing or make no sense.
 */
export function rendezvousFromEnvironment(
  { source, group, size, localSize }: RankPlace,
  environment: Environment = process.env,
): Rendezvous {
  const key = [source, group, environment["TORCHELASTIC_RUN_ID"]].filter((part) => part).join(" ");
  const own = environment[placeVariable];
  if (own) {
    const at = own.lastIndexOf(":");
    if (at < 1) throw new Error(`ranks: ${placeVariable} is "${own}", expected HOST:PORT`);
    return { host: unbracketed(own.slice(0, at)), port: portOf(placeVariable, own.slice(at + 1)), group: key };
  }
  const host = environment["MASTER_ADDR"] || (source === "Slurm" ? firstSlurmHost(environment) : undefined);
  const text = environment["MASTER_PORT"] || (source === "Slurm" ? slurmPort(environment) : undefined);
  const missing = [...(host ? [] : ["MASTER_ADDR"]), ...(text ? [] : ["MASTER_PORT"])];
  if (!host || !text) {
    throw new Error(
      `ranks: ${localSize} of ${size} ranks are on this machine, and ${missing.join(" and ")} ${missing.length > 1 ? "are" : "is"} not set; give every rank the name of rank 0's machine as MASTER_ADDR and a free port there as MASTER_PORT`,
    );
  }
  const port = portOf("MASTER_PORT", text);
  const taken = /^(true|1)$/i.test(environment["TORCHELASTIC_USE_AGENT_STORE"] ?? "");
  return { host: unbracketed(host), port: taken ? port + 1 : port, group: key };
}

function portOf(name: string, text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port < 1 || port > 65_534)
    throw new Error(`ranks: the port of ${name} is "${text}", expected a whole number from 1 to 65534`);
  return port;
}

function unbracketed(host: string): string {
  return host.replace(/^\[(.*)\]$/, "$1");
}

/** First name of a list such as `gpu[003-004,9],login`. */
function firstSlurmHost(environment: Environment): string | undefined {
  const list = environment["SLURM_STEP_NODELIST"] || environment["SLURM_JOB_NODELIST"] || environment["SLURM_NODELIST"];
  const parts = /^([^[,]+)(?:\[(\d+)[^\]]*\]([^,]*))?/.exec(list ?? "");
  return parts ? `${parts[1]}${parts[2] ?? ""}${parts[3] ?? ""}` : undefined;
}

function slurmPort(environment: Environment): string | undefined {
  const job = environment["SLURM_JOB_ID"];
  return job && /^\d+$/.test(job) ? String(firstSlurmPort + (Number(job) % 10_000)) : undefined;
}
