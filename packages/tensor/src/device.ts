import { Tape } from "./autograd.ts";
import type { Backend, BackendDescription } from "./backend.ts";
import { Memory } from "./memory.ts";

/** A backend with the memory and the tape of the tensors on it. A value, never a global: several may be open. */
export interface Device {
  readonly backend: Backend;
  readonly description: BackendDescription;
  readonly memory: Memory;
  readonly tape: Tape;
  /** Ends the backend and its threads. Tensors of a closed device throw when used. */
  close(): Promise<void>;
}

/** Makes a device of a backend. */
export function createDevice(backend: Backend): Device {
  return {
    backend,
    description: backend.description,
    memory: new Memory(backend),
    tape: new Tape(),
    close: () => backend.close(),
  };
}
