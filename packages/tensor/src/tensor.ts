import type { GradNode, Sink } from "./autograd.ts";
import type { BufferHandle } from "./backend.ts";
import type { Device } from "./device.ts";
import type { DType, HostData, TensorData } from "./dtype.ts";
import { storageBytes } from "./fp8-layout.ts";
import { Storage } from "./memory.ts";
import { formatShape, type Shape, sameShape, sizeOf } from "./shape.ts";

/**
 * A contiguous, row-major array on a device. Operations on tensors only enqueue work; `read` is the one place to wait.
 *
 * A tensor made inside a scope ends with it unless the scope returns it; its memory is then reused, and using it throws.
 */
export class Tensor implements Disposable {
  readonly device: Device;
  readonly shape: Shape;
  readonly dtype: DType;
  readonly size: number;
  /** Operations on this tensor are recorded for the backward pass. */
  requiresGrad = false;
  /** The operation that made this tensor, if it was recorded. */
  node: GradNode | null = null;
  /** Which output of `node` this is. */
  outputIndex = 0;
  /** Gradient of a leaf, of the same shape. Persistent where the leaf is. */
  grad: Tensor | null = null;
  /** False while `grad` holds nothing: the next backward pass overwrites instead of adding. */
  gradDefined = false;
  /** Of a leaf that stands for another tensor (an input of a part that is computed again): where its gradient goes instead. */
  sink: Sink | null = null;
  readonly storage: Storage;
  #released = false;

  constructor(device: Device, shape: Shape, dtype: DType, storage: Storage) {
    this.device = device;
    this.shape = shape;
    this.dtype = dtype;
    this.size = sizeOf(shape);
    this.storage = storage;
  }

  get label(): string {
    return this.storage.label;
  }

  get released(): boolean {
    return this.#released;
  }

  /** The device buffer. Throws if the tensor was released. */
  get buffer(): BufferHandle {
    if (this.#released) {
      throw new Error(
        `tensor "${this.label}" ${formatShape(this.shape)} was released: its scope ended or it was disposed. Return it from the scope, or copy it into a persistent tensor`,
      );
    }
    return this.storage.handle;
  }

  /** Waits for all work queued before and resolves to the values (bf16 as f32). fp8e4m3 is read by way of `dequantize`. */
  read(): Promise<TensorData> {
    return this.device.backend.read(this.buffer, this.dtype, this.size);
  }

  /** Waits, and resolves to the single value of a tensor of size 1. */
  async item(): Promise<number> {
    if (this.size !== 1)
      throw new Error(`item: the tensor "${this.label}" has shape ${formatShape(this.shape)}, not one value`);
    return (await this.read())[0];
  }

  /** Enqueues a copy of host values into this tensor. Throws if there are more or fewer than its size. */
  write(data: HostData): void {
    if (data.length !== this.size) {
      throw new Error(
        `write: ${data.length} values for the tensor "${this.label}" ${formatShape(this.shape)} of ${this.size}`,
      );
    }
    this.device.backend.write(this.buffer, this.dtype, data);
  }

  /** A second tensor on the same memory, without gradient history. The memory lives until both are released. */
  alias(shape: Shape = this.shape): Tensor {
    if (sizeOf(shape) !== this.size) {
      throw new Error(
        `alias: ${formatShape(this.shape)} cannot be seen as ${formatShape(shape)}: sizes ${this.size} and ${sizeOf(shape)}`,
      );
    }
    if (this.dtype === "fp8e4m3" && !sameShape(shape, this.shape)) {
      throw new Error(`alias: "${this.label}" is fp8e4m3, whose blocks belong to the shape ${formatShape(this.shape)}`);
    }
    void this.buffer;
    this.storage.retain();
    return new Tensor(this.device, shape, this.dtype, this.storage);
  }

  /** Ends this tensor. Its memory is reused once nothing else (a tape, an alias) holds it. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.device.memory.untrack(this);
    this.node = null;
    this.storage.release();
    if (this.grad) {
      this.grad.release();
      this.grad = null;
    }
  }

  [Symbol.dispose](): void {
    this.release();
  }
}

/** A tensor with undefined contents: in the arena and tracked by the innermost scope, or persistent outside any. */
export function empty(device: Device, shape: Shape, dtype: DType = "f32", label = "tensor"): Tensor {
  const tensor = emptyUntracked(device, shape, dtype, label);
  device.memory.track(tensor);
  return tensor;
}

/** As {@link empty}, but owned by the caller alone: no scope releases it. */
export function emptyUntracked(device: Device, shape: Shape, dtype: DType = "f32", label = "tensor"): Tensor {
  const storage = device.memory.allocate(bytesOf(device, shape, dtype), label, dtype);
  return new Tensor(device, shape, dtype, storage);
}

/** @throws where the device has no fp8e4m3. */
function bytesOf({ backend }: Device, shape: Shape, dtype: DType): number {
  if (dtype === "fp8e4m3" && !backend.fp8) {
    throw new Error(
      `the ${backend.description.kind} device keeps no weights in fp8e4m3: store them as bf16 or f32, or use another device`,
    );
  }
  return storageBytes(shape, dtype, backend.bytesPerElement);
}

/** A tensor outside the arena that lives until it is released, whatever scope is open. */
export function persistent(device: Device, shape: Shape, dtype: DType = "f32", label = "tensor"): Tensor {
  return new Tensor(device, shape, dtype, device.memory.persistent(bytesOf(device, shape, dtype), label, dtype));
}

/** A tensor with the given values. */
export function tensor(
  device: Device,
  data: HostData,
  shape: Shape = [data.length],
  dtype: DType = "f32",
  label = "tensor",
): Tensor {
  const result = empty(device, shape, dtype, label);
  result.write(data);
  return result;
}

/**
 * A persistent leaf that is trained: operations on it are recorded, `backward` fills its gradient. Its values are
 * undefined until they are written.
 */
export function parameter(device: Device, shape: Shape, label: string): Tensor {
  const result = persistent(device, shape, "f32", label);
  result.requiresGrad = true;
  return result;
}

/**
 * A tensor on a part of another's memory: elements start … start + size in row-major order, start a multiple of 64 bytes. No scope
 * owns it; the memory lives until both are released.
 */
export function part(whole: Tensor, start: number, shape: Shape, label = whole.label): Tensor {
  const { device, dtype, storage } = whole;
  if (dtype === "fp8e4m3") throw new Error(`part: "${whole.label}" is fp8e4m3, whose blocks belong to the whole`);
  const bytes = device.backend.bytesPerElement[dtype];
  const handle = device.backend.slice(whole.buffer, start * bytes, sizeOf(shape) * bytes);
  storage.retain();
  return new Tensor(device, shape, dtype, new Storage(handle, label, () => storage.release()));
}

/** A tensor filled with one value. */
export function full(
  device: Device,
  shape: Shape,
  value: number,
  dtype: "f32" | "i32" = "f32",
  label = "full",
): Tensor {
  const result = empty(device, shape, dtype, label);
  fill(result, value);
  return result;
}

/** Sets every element of a tensor. */
export function fill(target: Tensor, value: number): void {
  const { backend } = target.device;
  if (target.dtype === "i32") backend.enqueue("fillInt", { y: target.buffer, n: target.size, value });
  else backend.enqueue("fill", { y: target.buffer, n: target.size, value });
}
