import { spawn } from "node:child_process";

/** Where runs of a study go on beside one another. */
export interface LaneOptions {
  /** Runs at a time on each GPU, or on the CPU. */
  readonly parallel: number;
  /** GPUs to divide them among; 0: the CPU. */
  readonly gpus: number;
}

/** Runs this program again for each name, as `--only NAME`, some at a time. Rejects with the first that fails. */
export async function runInLanes(names: readonly string[], { parallel, gpus }: LaneOptions): Promise<void> {
  const queue = [...names];
  const lane = async (gpu: number | null) => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) await runOnly(next, gpu);
  };
  const lanes = Array.from({ length: parallel * Math.max(gpus, 1) }, (_, i) => lane(gpus > 0 ? i % gpus : null));
  await Promise.all(lanes);
}

function runOnly(name: string, gpu: number | null): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const child = spawn(process.execPath, [...process.argv.slice(1), "--only", name], {
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, ...(gpu === null ? {} : { CUDA_VISIBLE_DEVICES: String(gpu) }) },
  });
  child.on("error", reject);
  child.on("exit", (code) => (code === 0 ? resolve() : reject(new Error(`the run ${name} ended with code ${code}`))));
  return promise;
}
