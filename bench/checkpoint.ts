/**
 * Conversion of a checkpoint with the tensors of one of Kimi K2's layers: speed, and how much memory the process takes more than it
 * began with. `--experts N` (default 24 of K2's 384: 1.2 GB in fp8; the disk needs six times as much), `--directory DIR` for the files.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { isQuantized, k2Blocks } from "@baltoro/k2";
import { e4m3Values, type StreamToWrite, scaleShape, storedBytes, writeShards } from "@baltoro/tensor";
import { type BenchOptions, type BenchResult, figure, textTable } from "./harness.ts";

const [hidden, inner] = [7168, 2048];

/** Shapes of a layer with experts (Kimi K2's config.json); the vocabulary is shortened. */
function layerShapes(experts: number): [string, number[]][] {
  const layer = "model.layers.1";
  const feedForward = (prefix: string): [string, number[]][] => [
    [`${prefix}.gate_proj.weight`, [inner, hidden]],
    [`${prefix}.up_proj.weight`, [inner, hidden]],
    [`${prefix}.down_proj.weight`, [hidden, inner]],
  ];
  return [
    ["model.embed_tokens.weight", [4096, hidden]],
    [`${layer}.input_layernorm.weight`, [hidden]],
    [`${layer}.self_attn.q_a_proj.weight`, [1536, hidden]],
    [`${layer}.self_attn.q_a_layernorm.weight`, [1536]],
    [`${layer}.self_attn.q_b_proj.weight`, [12288, 1536]],
    [`${layer}.self_attn.kv_a_proj_with_mqa.weight`, [576, hidden]],
    [`${layer}.self_attn.kv_a_layernorm.weight`, [512]],
    [`${layer}.self_attn.kv_b_proj.weight`, [16384, 512]],
    [`${layer}.self_attn.o_proj.weight`, [hidden, 8192]],
    [`${layer}.post_attention_layernorm.weight`, [hidden]],
    [`${layer}.mlp.gate.weight`, [experts, hidden]],
    ...Array.from({ length: experts }, (_, e) => feedForward(`${layer}.mlp.experts.${e}`)).flat(),
    ...feedForward(`${layer}.mlp.shared_experts`),
    ["model.norm.weight", [hidden]],
    ["lm_head.weight", [4096, hidden]],
  ];
}

/** A checkpoint in K2's layout whose values repeat every 4 MiB. */
async function makeCheckpoint(directory: string, experts: number): Promise<void> {
  const codes = Uint8Array.from({ length: 2 ** 22 }, (_, i) => {
    const code = (Math.imul(i, 2654435761) >>> 24) & 0xff;
    return Number.isNaN(e4m3Values[code]) ? 0 : code;
  });
  // 0x3c3c is the bf16 number 0.0115.
  const halves = new Uint8Array(2 ** 22).fill(0x3c);
  const scales = new Uint8Array(Float32Array.from({ length: 2 ** 14 }, (_, i) => (1 + (i % 7)) * 1e-4).buffer);
  const repeat = (pattern: Uint8Array, length: number) =>
    async function* () {
      for (let at = 0; at < length; at += pattern.length)
        yield pattern.subarray(0, Math.min(pattern.length, length - at));
    };
  const tensors = layerShapes(experts).flatMap(([name, shape]): StreamToWrite[] => {
    if (!isQuantized(name)) return [{ name, shape, dtype: "BF16", pieces: repeat(halves, storedBytes("BF16", shape)) }];
    const blocks = scaleShape(shape, k2Blocks);
    return [
      { name, shape, dtype: "F8_E4M3", pieces: repeat(codes, storedBytes("F8_E4M3", shape)) },
      { name: `${name}_scale_inv`, shape: blocks, dtype: "F32", pieces: repeat(scales, storedBytes("F32", blocks)) },
    ];
  });
  await writeShards(directory, tensors, { shardBytes: 512 * 2 ** 20 });
  const fields = {
    ...{
      vocab_size: 4096,
      hidden_size: hidden,
      num_hidden_layers: 2,
      first_k_dense_replace: 1,
      intermediate_size: 18432,
    },
    ...{ moe_intermediate_size: inner, n_routed_experts: experts, n_shared_experts: 1, num_experts_per_tok: 8 },
    ...{ num_attention_heads: 64, q_lora_rank: 1536, kv_lora_rank: 512, max_position_embeddings: 131072 },
    ...{ qk_nope_head_dim: 128, qk_rope_head_dim: 64, v_head_dim: 128, rope_theta: 50000 },
    quantization_config: {
      activation_scheme: "dynamic",
      fmt: "e4m3",
      quant_method: "fp8",
      weight_block_size: [128, 128],
    },
  };
  writeFileSync(join(directory, "config.json"), JSON.stringify(fields));
}

export async function run({ args }: BenchOptions): Promise<BenchResult> {
  const { values } = parseArgs({
    args: [...args],
    options: { experts: { type: "string", default: "24" }, directory: { type: "string", default: tmpdir() } },
  });
  const folder = mkdtempSync(join(values.directory, "baltoro-bench-"));
  try {
    const source = join(folder, "fp8");
    mkdirSync(source);
    await makeCheckpoint(source, Number(values.experts));
    const steps: [string, string, string][] = [
      ["fp8", "bf16", "BF16"],
      ["bf16", "fp8-again", "F8_E4M3"],
      ["fp8", "fp8-copy", "F8_E4M3"],
    ];
    const figures: Record<string, Record<string, number>> = {};
    for (const [from, to, dtype] of steps) {
      const script = join(import.meta.dirname, "parts/export-checkpoint.ts");
      const child = spawnSync(process.execPath, [script, join(folder, from), join(folder, to), dtype], {
        encoding: "utf8",
        timeout: 600_000,
      });
      if (child.status !== 0) throw new Error(`export of ${from} to ${to} failed: ${child.stderr}`);
      figures[`${from} → ${to}`] = JSON.parse(child.stdout);
    }
    const rows = Object.entries(figures).map(([name, { bytesRead, bytesWritten, seconds, before, peak }]) => [
      name,
      figure(bytesRead / 1e6),
      figure(bytesWritten / 1e6),
      figure(seconds),
      figure((bytesRead + bytesWritten) / seconds / 1e6),
      figure((peak - before) / 1e6),
    ]);
    return {
      figures,
      checks: [],
      lines: textTable(["", "MB read", "MB written", "s", "MB/s in and out", "MB of memory more"], rows),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
