/**
 * Exactness beside PyTorch and transformers (bench/peers/parity.py, bench/peers/checkpoint.py): bf16 logits against f32 ones, Muon's
 * steps, and a checkpoint of ours that transformers opens. `--device NAME`, by default cuda where there is one. Needs PyTorch 2.9 and
 * transformers 5; without them nothing is measured.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type BenchOptions, type BenchResult, figure, textTable } from "./harness.ts";
import { checkpointInTransformers } from "./parts/parity-checkpoint.ts";
import { logitsInBf16 } from "./parts/parity-logits.ts";
import { muonSteps } from "./parts/parity-muon.ts";
import { pythonWithTorch } from "./peers/python.ts";

export async function run({ args }: BenchOptions): Promise<BenchResult> {
  const { values } = parseArgs({
    args: [...args],
    options: { device: { type: "string", default: "auto" }, checkpoint: { type: "string", multiple: true } },
  });
  const peer = pythonWithTorch();
  if (!peer) throw new Error("bench parity compares with PyTorch, and no Python with torch was found (BALTORO_PYTHON)");
  const folder = mkdtempSync(join(tmpdir(), "baltoro-parity-"));
  try {
    const { device, checkpoint = ["models/gutenberg-nano"] } = values;
    const logits = await logitsInBf16(peer.python, folder, device);
    const muon = await muonSteps(peer.python, folder, device);
    const checkpoints = await checkpointInTransformers(peer.python, folder, device, checkpoint);
    const percent = (share: number) => `${(100 * share).toFixed(3)} %`;
    return {
      figures: { peer, logits, muon, checkpoints },
      checks: [
        { name: "bf16RmsVsTransformers", value: logits.ours / logits.theirs, atMost: 1.2 },
        { name: "muonVsTorch", value: muon.f32, atMost: 1e-3 },
        { name: "checkpointInTransformers", value: Math.max(...checkpoints.map(({ error }) => error)), atMost: 1e-4 },
      ],
      lines: [
        `bf16 logits, RMS error to f32 ones: ${percent(logits.ours)}, of transformers ${percent(logits.theirs)}`,
        `20 steps of Muon, largest ‖ΔW‖ / ‖W₂₀ − W₀‖: ${figure(muon.f32)} to torch.optim.Muon in f32, ${figure(muon.asIs)} to it as it is`,
        ...textTable(
          ["checkpoint", "max |Δ| / max |logit|"],
          checkpoints.map(({ name, error }) => [name, error.toExponential(1)]),
        ),
      ],
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
