import type { Backend, BufferHandle } from "../backend.ts";
import type { DType } from "../dtype.ts";

/** A backend that passes everything on, and can write down what a step does. */
export interface RecordingBackend extends Backend {
  /** Starts a step: from now on every call is written down, and a read throws. */
  beginStep(): void;
  /** Ends the step and gives its calls, one line each: kernel, arguments, and buffers by where they lie. */
  endStep(): readonly string[];
}

/**
 * Wraps a backend to prove the contract of a step: it never waits for the device, and its calls, addresses included, do not depend on
 * data. Two steps of different text must give equal recordings; then a whole step can be captured and replayed.
 */
export function recordBackend(inner: Backend): RecordingBackend {
  const places = new WeakMap<BufferHandle, string>();
  let calls: string[] | null = null;
  let allocations = 0;
  const place = (buffer: BufferHandle) => places.get(buffer) ?? "unknown";
  const note = (call: string) => {
    calls?.push(call);
  };
  const show = (value: unknown) =>
    typeof value === "object" && value !== null ? place(value as BufferHandle) : String(value);

  const { hostView } = inner;
  return {
    ...(hostView && {
      hostView(buffer: BufferHandle, dtype: DType, length: number) {
        note(`host view of ${length} ${dtype} at ${place(buffer)}`);
        return hostView(buffer, dtype, length);
      },
    }),
    description: inner.description,
    bytesPerElement: inner.bytesPerElement,
    activations: inner.activations,
    blockElements: inner.blockElements,
    alloc(byteLength, label, dtype) {
      const buffer = inner.alloc(byteLength, label, dtype);
      places.set(buffer, `#${allocations++}`);
      note(`alloc ${byteLength} ${label}`);
      return buffer;
    },
    slice(buffer, byteOffset, byteLength, dtype) {
      const part = inner.slice(buffer, byteOffset, byteLength, dtype);
      places.set(part, `${place(buffer)}+${byteOffset}`);
      return part;
    },
    free(buffer) {
      note(`free ${place(buffer)}`);
      inner.free(buffer);
    },
    write(buffer, dtype, data) {
      note(`write ${data.length} ${dtype} to ${place(buffer)}`);
      inner.write(buffer, dtype, data);
    },
    enqueue(kernel, args) {
      note(
        `${kernel} ${Object.entries(args)
          .map(([name, value]) => `${name}=${show(value)}`)
          .join(" ")}`,
      );
      inner.enqueue(kernel, args);
    },
    async read(buffer, dtype, length) {
      if (calls) throw new Error(`read of ${length} ${dtype} at ${place(buffer)} inside a step: a step only enqueues`);
      return inner.read(buffer, dtype, length);
    },
    capture: (record) => inner.capture(record),
    launch(graph) {
      note(`launch of ${graph.kernelCount} kernels`);
      inner.launch(graph);
    },
    stats: () => inner.stats(),
    beginStep() {
      calls = [];
    },
    endStep() {
      if (!calls) throw new Error("endStep: no step was begun");
      const recorded = calls;
      calls = null;
      return recorded;
    },
    close: () => inner.close(),
  };
}
