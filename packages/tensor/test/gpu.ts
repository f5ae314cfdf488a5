import { countGpus } from "@baltoro/tensor";

/** Why tests on a GPU cannot run here; false where they can. With BALTORO_TEST_GPU=1 they run, and fail, in any case. */
export function skipWithoutGpu(): string | false {
  if (process.env["BALTORO_TEST_GPU"] === "1") return false;
  try {
    return countGpus() > 0 ? false : "the driver shows no GPU";
  } catch (error) {
    return (error as Error).message;
  }
}
