"""Writes the parity fixtures of packages/k2/fixtures with Hugging Face transformers: tiny DeepSeek-V3 models with their logits.

  python3 bench/peers/hf_fixtures.py packages/k2/fixtures/transformers   (transformers 5.17, torch 2.11, CPU)

Weights are rounded to bf16 (exactly representable, stored as BF16), everything is computed in float32. Query and key
projections are scaled up until attention logits have a standard deviation of at least 2, and the routers' selection biases
change which experts are chosen: a wrong rotation, scale or bias cannot hide.
"""
import json, os, sys
import torch
from safetensors.torch import save_file
from transformers import DeepseekV3Config, DeepseekV3ForCausalLM
from transformers.models.deepseek_v3 import modeling_deepseek_v3 as modeling
from hf_names import per_expert

out_root = sys.argv[1] if len(sys.argv) > 1 else "packages/k2/fixtures/transformers"
BASE = dict(vocab_size=96, hidden_size=32, intermediate_size=48, moe_intermediate_size=16, num_hidden_layers=3, num_attention_heads=4,
            num_key_value_heads=4, n_shared_experts=1, n_routed_experts=8, num_experts_per_tok=2, n_group=1, topk_group=1, routed_scaling_factor=2.5,
            kv_lora_rank=16, qk_nope_head_dim=8, qk_rope_head_dim=8, v_head_dim=12, first_k_dense_replace=1, norm_topk_prob=True,
            max_position_embeddings=128, rms_norm_eps=1e-6, rope_interleave=True, tie_word_embeddings=False, attention_bias=False, use_cache=False)
YARN = dict(rope_type="yarn", factor=4.0, beta_fast=32.0, beta_slow=1.0, original_max_position_embeddings=16, rope_theta=50000.0)
VARIANTS = {
    "q-lora": dict(q_lora_rank=24, rope=dict(rope_type="default", rope_theta=50000.0), length=24),
    "no-q-lora": dict(q_lora_rank=None, rope=dict(rope_type="default", rope_theta=50000.0), length=24),
    "q-lora-yarn": dict(q_lora_rank=24, rope=dict(YARN, mscale=1.0, mscale_all_dim=1.0), length=48),
    "no-q-lora-yarn": dict(q_lora_rank=None, rope=dict(YARN, mscale=0.707, mscale_all_dim=0.9), length=48),
}

def build(name, spec, seed):
    torch.manual_seed(seed)
    kw = dict(BASE, q_lora_rank=spec["q_lora_rank"])
    config = DeepseekV3Config(**kw, rope_parameters=spec["rope"])
    config._attn_implementation = "eager"
    model = DeepseekV3ForCausalLM(config).eval().float()
    with torch.no_grad():
        for key, p in list(model.named_parameters()) + list(model.named_buffers()):
            if "inv_freq" in key: continue
            if "e_score_correction_bias" in key: p.copy_(0.3 * torch.randn_like(p))
            elif "norm" in key: p.copy_(1 + 0.2 * torch.randn_like(p))
            elif key.endswith("mlp.gate.weight"): p.copy_(0.5 * torch.randn_like(p))
            elif "q_b_proj" in key or "q_proj" in key or "kv_a_proj" in key or "kv_b_proj" in key: p.copy_(0.45 * torch.randn_like(p))
            else: p.copy_(0.2 * torch.randn_like(p))
            p.copy_(p.bfloat16().float())
    return config, model

for number, (name, spec) in enumerate(VARIANTS.items()):
    config, model = build(name, spec, 100 + number)
    ids = torch.randint(0, BASE["vocab_size"], (2, spec["length"]), generator=torch.Generator().manual_seed(number))
    stds = []
    original = modeling.eager_attention_forward
    def spy(module, query, key, value, attention_mask, scaling, **kwargs):
        groups = getattr(module, "num_key_value_groups", 1)
        logits = (query @ modeling.repeat_kv(key, groups).transpose(2, 3)) * scaling
        stds.append(logits.tril().flatten()[logits.tril().flatten() != 0].std().item())
        return original(module, query, key, value, attention_mask, scaling, **kwargs)
    modeling.eager_attention_forward = spy
    with torch.no_grad(): logits = model(input_ids=ids).logits
    modeling.eager_attention_forward = original
    changed = 0
    for layer in model.model.layers:
        if hasattr(layer.mlp, "gate"):
            x = torch.randn(200, BASE["hidden_size"]); s = (x @ layer.mlp.gate.weight.float().T).sigmoid(); b = layer.mlp.gate.e_score_correction_bias
            changed += ((s + b).topk(2, -1).indices.sort(-1).values != s.topk(2, -1).indices.sort(-1).values).any(-1).sum().item()
    folder = os.path.join(out_root, name); os.makedirs(folder, exist_ok=True)
    tensors = {k: (v if "e_score_correction_bias" in k else v.bfloat16()) for k, v in per_expert(model.state_dict()).items() if "inv_freq" not in k}
    save_file(tensors, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
    save_file({"input_ids": ids.to(torch.int32), "logits": logits.float().contiguous()}, os.path.join(folder, "expected.safetensors"))
    config.architectures = ["DeepseekV3ForCausalLM"]
    config.save_pretrained(folder)
    print(name, "std of attention logits by layer", [round(s, 2) for s in stds], "min", round(min(stds), 2), "| choices changed by the bias", changed, "| max|logit|", round(logits.abs().max().item(), 3), flush=True)
    assert min(stds) >= 2 and changed > 0, "the fixture would not notice mistakes"
import transformers; print("transformers", transformers.__version__, "torch", torch.__version__)
