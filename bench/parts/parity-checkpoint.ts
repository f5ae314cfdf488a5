import { execFileSync } from "node:child_process";
import { basename, join } from "node:path";
import { runPeer } from "../peers/python.ts";

/** Largest error of transformers' logits of checkpoints, in f32, to ours, over the largest logit. Throws where one differs beyond that of f32. */
export async function checkpointInTransformers(
  python: string,
  folder: string,
  device: string,
  checkpoints: readonly string[],
): Promise<{ name: string; error: number }[]> {
  const script = join(import.meta.dirname, "../peers/checkpoint-logits.ts");
  return checkpoints.map((checkpoint) => {
    const logits = join(folder, `${basename(checkpoint)}.logits.safetensors`);
    execFileSync(process.execPath, [script, checkpoint, logits, "--device", device], { stdio: "pipe" });
    const { maxError } = runPeer(python, "checkpoint.py", ["logits", checkpoint, logits]);
    return { name: basename(checkpoint), error: Number(maxError) };
  });
}
