import { parseArgs } from "node:util";
import { exportCheckpoint, type WeightDType } from "@baltoro/k2";
import { type Command, integerOption, required, UsageError } from "../usage.ts";

const dtypes: Readonly<Record<string, WeightDType>> = { f32: "F32", bf16: "BF16", fp8: "F8_E4M3" };

const usage = `baltoro export --checkpoint DIR --out DIR --dtype f32|bf16|fp8 [--shard-size BYTES] [--json]
  writes a checkpoint again in another element type, or in other shards; needs no device and little memory, whatever the model's size

  --dtype fp8         K2's layout: projections in e4m3 with a scale per block of 128 × 128, embeddings, head, norms and router in bf16
  --shard-size BYTES  most bytes of weights in a file (default 5_000_000_000); a tensor is never split
  --json              one object: weights, quantized, bytesRead, bytesWritten, files`;

export const exportWeights: Command = {
  summary: "write a checkpoint in f32, bf16 or K2's fp8, whole or in shards",
  usage,
  async run(args) {
    const { values } = parseArgs({
      args,
      options: {
        checkpoint: { type: "string" },
        out: { type: "string" },
        dtype: { type: "string" },
        "shard-size": { type: "string" },
        json: { type: "boolean" },
      },
    });
    const source = required("checkpoint", values.checkpoint);
    const target = required("out", values.out);
    const name = required("dtype", values.dtype);
    if (!Object.hasOwn(dtypes, name)) {
      throw new UsageError(`--dtype is ${name}, expected one of ${Object.keys(dtypes).join(", ")}`);
    }
    const shardBytes = integerOption("shard-size", values["shard-size"]);
    const stop = new AbortController();
    const abort = () => stop.abort(new Error("stopped; nothing was written"));
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, abort);
    const start = performance.now();
    let shown = -1;
    const summary = await exportCheckpoint(source, target, {
      dtype: dtypes[name],
      signal: stop.signal,
      ...(shardBytes === undefined ? {} : { shardBytes }),
      onProgress(bytes, total) {
        const percent = Math.floor((100 * bytes) / total);
        if (!process.stderr.isTTY || percent === shown) return;
        shown = percent;
        process.stderr.write(`\r${percent}% `);
      },
    });
    if (process.stderr.isTTY) process.stderr.write("\r     \r");
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.off(signal, abort);
    if (values.json) console.log(JSON.stringify(summary));
    else {
      const megabytes = (bytes: number) => `${(bytes / 1e6).toLocaleString("en", { maximumFractionDigits: 1 })} MB`;
      const { weights, quantized, bytesRead, bytesWritten, files } = summary;
      console.log(
        `${target}: ${weights} weights, ${quantized} of them in e4m3, in ${files.filter((file) => file.endsWith(".safetensors")).length} files`,
      );
      console.log(
        `${megabytes(bytesWritten)} of ${megabytes(bytesRead)}, ${((performance.now() - start) / 1000).toFixed(1)} s`,
      );
    }
    return undefined;
  },
};
