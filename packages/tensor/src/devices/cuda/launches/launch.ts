import { type KernelArguments, type KernelName, kernels } from "../../../kernels/index.ts";
import { type Grid, type Launcher, tableSignature } from "../launcher.ts";

/** How kernels K are launched, given addresses (0 for null). */
export type Launches<K extends KernelName> = {
  readonly [P in K]: (args: KernelArguments<P, number>, launcher: Launcher) => void;
};

/** Threads of a block where nothing asks for another number. */
export const blockSize = 256;

/** Enough blocks for n items at one a thread, at most some for each multiprocessor: the kernels loop over the rest. */
export function gridOf(items: number): Grid {
  return [Math.min(Math.ceil(items / blockSize), 4096)];
}

/** Threads that share a row of so many elements. */
export function rowThreads(columns: number): number {
  return columns >= 2048 ? 512 : columns >= 512 ? 256 : columns >= 128 ? 128 : 64;
}

/** A kernel whose CUDA function has the table's name and parameters, in kernels/FILE.cu. */
export function byTable<K extends KernelName>(
  kernel: K,
  file: string,
  grid: (args: KernelArguments<K, number>) => Grid,
  block: number | ((args: KernelArguments<K, number>) => number) = blockSize,
): (args: KernelArguments<K, number>, launcher: Launcher) => void {
  const signature = tableSignature(kernel);
  const names = Object.keys(kernels[kernel]) as (keyof KernelArguments<K, number>)[];
  return (args, launcher) => {
    const values = names.map((name) => args[name] as number);
    launcher.launch(file, kernel, grid(args), typeof block === "number" ? block : block(args), signature, values);
  };
}
