import { type OpenCheckpoint, openCheckpoint } from "@baltoro/k2";
import { integerOption } from "./usage.ts";

/** Opens the checkpoint that `--checkpoint`, `--device` and `--threads` name. */
export async function openFromOptions(
  directory: string,
  options: { readonly device?: string | undefined; readonly threads?: string | undefined },
): Promise<OpenCheckpoint> {
  return openCheckpoint(directory, deviceOptions(options));
}

/** `--device` and `--threads`, checked. @throws UsageError */
export function deviceOptions(options: {
  readonly device?: string | undefined;
  readonly threads?: string | undefined;
}): {
  device?: string;
  threads?: number;
} {
  const threads = integerOption("threads", options.threads);
  return {
    ...(options.device === undefined ? {} : { device: options.device }),
    ...(threads === undefined ? {} : { threads }),
  };
}
