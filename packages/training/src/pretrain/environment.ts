import type { Device } from "@baltoro/tensor";

/** What must be the same for a resumed run to give the same bits. */
export interface TrainingEnvironment {
  readonly backend: string;
  readonly threads: number;
  readonly matmul: string;
  readonly node: string;
}

export function trainingEnvironment(device: Device): TrainingEnvironment {
  const { kind, threads, matmul } = device.description;
  return { backend: kind, threads, matmul, node: process.versions.node };
}

/** A line for each difference that makes a resumed run's bits differ. */
export function environmentDifferences(before: TrainingEnvironment, now: TrainingEnvironment): string[] {
  return (Object.keys(now) as (keyof TrainingEnvironment)[])
    .filter((key) => before[key] !== now[key])
    .map((key) => `${key} was ${before[key]}, is ${now[key]}: the resumed run will not be bit-identical`);
}
