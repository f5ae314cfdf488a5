import type { Device } from "@baltoro/tensor";

/** What must be the same for a resumed run to give the same bits. */
export interface TrainingEnvironment {
  readonly backend: string;
  readonly threads: number;
  readonly matmul: string;
  readonly node: string;
  /** Ranks that trained together; checkpoints from before there were ranks have none. */
  readonly ranks?: number;
}

export function trainingEnvironment(device: Device, ranks = 1): TrainingEnvironment {
  const { kind, threads, matmul } = device.description;
  return { backend: kind, threads, matmul, node: process.versions.node, ranks };
}

/** A line for each difference that makes a resumed run's bits differ. */
export function environmentDifferences(before: TrainingEnvironment, now: TrainingEnvironment): string[] {
  const known: TrainingEnvironment = { ranks: 1, ...before };
  return (Object.keys(now) as (keyof TrainingEnvironment)[])
    .filter((key) => known[key] !== now[key])
    .map((key) => `${key} was ${known[key]}, is ${now[key]}: the resumed run will not be bit-identical`);
}
