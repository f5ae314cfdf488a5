import { type RecomputeMode, recomputeModes, type StorageFormat } from "@baltoro/k2";
import { DeviceLostError, OutOfMemoryError } from "@baltoro/tensor";

/** A run ended before its last step: what happened, in which step, which checkpoint is left, and what to do. The cause is with it. */
export class TrainingFailedError extends Error {
  override name = "TrainingFailedError";
}

/** What a run is at, for the message of a failure. */
export interface Whereabouts {
  /** "in step 7", "in the validation after step 7" … */
  doing: string;
  /** Step of the last checkpoint that was written or resumed from, 0 where there is none. */
  saved: number;
}

/** Errors of a disk that is full, over its quota or gone (errno names). */
const diskErrors = ["ENOSPC", "EDQUOT", "EFBIG", "EROFS", "EIO"];

function isDiskError(error: unknown): boolean {
  return diskErrors.includes((error as NodeJS.ErrnoException | null)?.code ?? "");
}

/** Whether an error is of the machine: memory, device or disk, not of how the run was started. */
export function isMachineFailure(error: unknown): boolean {
  return error instanceof OutOfMemoryError || error instanceof DeviceLostError || isDiskError(error);
}

/** The error that ends a run, for one that happened in it. */
export function trainingFailed(
  error: unknown,
  { doing, saved }: Whereabouts,
  run: { readonly recompute: RecomputeMode; readonly store: StorageFormat; readonly directory: string },
): TrainingFailedError {
  const what = error instanceof Error ? error.message : String(error);
  const left =
    saved > 0
      ? `The checkpoint of step ${saved} is whole: go on with --resume --out ${run.directory}`
      : "No checkpoint was written yet: start again";
  const advice = `${left}${adviceFor(error, run)}`;
  return new TrainingFailedError(`training ended ${doing}: ${what.replace(/\.$/, "")}. ${advice}`, { cause: error });
}

/** How to go on, behind "go on with …" or "start again". */
function adviceFor(
  error: unknown,
  { recompute, store }: { readonly recompute: RecomputeMode; readonly store: StorageFormat },
): string {
  if (isDiskError(error)) return ", once there is room on the disk";
  if (!(error instanceof OutOfMemoryError)) return "";
  const smaller = "a new run with a smaller --batch (and more to --accumulate)";
  const thriftier = recomputeModes
    .slice(recomputeModes.indexOf(recompute) + 1)
    .filter((mode) => store === "exact" || mode !== "layer");
  if (thriftier.length === 0) return `, with more memory; else ${smaller}`;
  return `, with --recompute ${thriftier.join(", or ")}, which needs less memory and gives the same bits; else ${smaller}`;
}
