import { type Backend, type BufferHandle, type KernelArguments, type KernelName, kernels } from "@baltoro/tensor";
import { type Arguments, isBuffer, type Values } from "./case.ts";

const kindsOf = (kernel: KernelName) => Object.entries(kernels[kernel]) as [string, string][];

function upload(backend: Backend, args: Arguments): Record<string, BufferHandle | number | null> {
  return Object.fromEntries(
    Object.entries(args).map(([name, value]) => {
      if (!isBuffer(value)) return [name, value];
      const buffer = backend.alloc(Math.max(value.byteLength, 4), name);
      if (value.length > 0) backend.write(buffer, value instanceof Int32Array ? "i32" : "f32", value);
      return [name, buffer];
    }),
  );
}

export async function outputsOf(
  backend: Backend,
  kernel: KernelName,
  args: Arguments,
): Promise<Record<string, ArrayLike<number>>> {
  const uploaded = upload(backend, args);
  backend.enqueue(kernel, uploaded as KernelArguments<typeof kernel, BufferHandle>);
  const outputs: Record<string, ArrayLike<number>> = {};
  for (const [name, kind] of kindsOf(kernel)) {
    const value = args[name];
    if (kind.includes("out") && isBuffer(value))
      outputs[name] = await backend.read(
        uploaded[name] as BufferHandle,
        value instanceof Int32Array ? "i32" : "f32",
        value.length,
      );
  }
  for (const value of Object.values(uploaded)) if (value !== null && typeof value === "object") backend.free(value);
  return outputs;
}

/** The reference runs at once, so that its results are here without waiting. */
export function runSync(backend: Backend, kernel: KernelName, args: Arguments): Record<string, Float32Array> {
  const views = Object.fromEntries(
    Object.entries(args).map(([name, value]) => [name, isBuffer(value) ? value.slice() : value]),
  );
  const uploaded = upload(backend, views);
  backend.enqueue(kernel, uploaded as KernelArguments<typeof kernel, BufferHandle>);
  const values = (name: string) => Float32Array.from((uploaded[name] as unknown as { values: Float64Array }).values);
  return {
    out: values("out").slice(0, (args["out"] as Values).length),
    lse: values("lse").slice(0, (args["lse"] as Values).length),
  };
}
