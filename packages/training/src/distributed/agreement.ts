import { type Device, persistent } from "@baltoro/tensor";
import type { Communicator, ReduceOp } from "./communicator.ts";

/** Puts numbers of the hosts together over all ranks, between steps. Without a communicator they stay as they are. */
export type AcrossRanks = (values: readonly number[], op: ReduceOp) => Promise<readonly number[]>;

/** Numbers travel as f32 where the device carries them. */
export function acrossRanks(device: Device, communicator: Communicator | undefined): AcrossRanks {
  if (!communicator) return async (values) => values;
  const { reduceNumbers } = communicator;
  if (reduceNumbers) return async (values, op) => reduceNumbers(values, op);
  return async (values, op) => {
    using tensor = persistent(device, [values.length], "f32", "numbers of the ranks");
    tensor.write(values);
    communicator.allReduce(tensor.buffer, values.length, op);
    return Array.from(await tensor.read());
  };
}
