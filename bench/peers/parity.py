"""What Baltoro is compared with on a GPU (bench/parity.ts runs this).

  python3 bench/peers/parity.py logits FOLDER          torch >= 2.8, transformers 5
      A random DeepSeek-V3 in FOLDER (weights that bf16 holds), with transformers' logits of random ids in f32 and in bf16, and the experts that
      the f32 run has chosen. The bf16 run is given that choice: what is compared is arithmetic, not near ties of the router.

  python3 bench/peers/parity.py muon STEPS OUT         torch >= 2.9
      STEPS holds W and the gradients of each step; OUT gets the weights after torch.optim.Muon's steps, as it is and with its cast to bf16
      taken out of its source. Prints one JSON object as the last line.
"""
import inspect, json, os, sys
import torch
from safetensors.torch import load_file, save_file
from hf_names import per_expert

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
torch.backends.cuda.matmul.allow_tf32 = False

def logits(folder):
    from transformers import DeepseekV3Config, DeepseekV3ForCausalLM, __version__
    torch.manual_seed(11)
    config = DeepseekV3Config(
        vocab_size=1024, hidden_size=512, intermediate_size=1024, moe_intermediate_size=256, num_hidden_layers=6, num_attention_heads=8,
        num_key_value_heads=8, n_shared_experts=1, n_routed_experts=16, num_experts_per_tok=4, n_group=1, topk_group=1, routed_scaling_factor=2.5,
        q_lora_rank=192, kv_lora_rank=128, qk_nope_head_dim=64, qk_rope_head_dim=32, v_head_dim=64, first_k_dense_replace=1, norm_topk_prob=True,
        max_position_embeddings=512, rms_norm_eps=1e-6, rope_interleave=True, tie_word_embeddings=False, attention_bias=False, use_cache=False,
        rope_parameters=dict(rope_type="default", rope_theta=50000.0))
    config._attn_implementation = "eager"
    model = DeepseekV3ForCausalLM(config).eval().float()
    with torch.no_grad():
        for key, p in list(model.named_parameters()) + list(model.named_buffers()):
            if "inv_freq" in key: continue
            if "e_score_correction_bias" in key: p.copy_(0.1 * torch.randn_like(p))
            elif "norm" in key: p.copy_(1 + 0.1 * torch.randn_like(p))
            else: p.copy_(torch.randn_like(p) / p.shape[-1] ** 0.5)
            p.copy_(p.bfloat16().float())
    model = model.to(DEVICE)
    ids = torch.randint(0, config.vocab_size, (4, 256), generator=torch.Generator().manual_seed(5)).to(DEVICE)

    # transformers 5 calls the experts of a block, one module, with hidden states, choices and weights: there the choice is seen, and replaced.
    chosen, forced = [], []
    def watch(mlp):
        run = mlp.experts.forward
        def forward(hidden, indices, weights, *rest, **named):
            if not forced: chosen.append(indices); return run(hidden, indices, weights, *rest, **named)
            indices = forced.pop(0)
            scores = torch.nn.functional.linear(hidden.reshape(-1, hidden.shape[-1]).float(), mlp.gate.weight.float()).sigmoid().gather(1, indices)
            scores = scores / (scores.sum(-1, keepdim=True) + 1e-20) * config.routed_scaling_factor
            return run(hidden, indices, scores.to(weights.dtype), *rest, **named)
        mlp.experts.forward = forward
    for layer in model.model.layers:
        if hasattr(layer.mlp, "gate"): watch(layer.mlp)
    with torch.no_grad(): full = model(input_ids=ids).logits.float()
    moe_layers = config.num_hidden_layers - config.first_k_dense_replace
    assert len(chosen) == moe_layers, f"{len(chosen)} choices seen of {moe_layers}: transformers' router has changed"
    forced.extend(chosen)
    # transformers keeps the selection bias in f32 in a bf16 model, as here.
    half = model.bfloat16()
    for layer, m in enumerate(half.model.layers):
        if hasattr(m.mlp, "gate") and hasattr(m.mlp.gate, "e_score_correction_bias"): m.mlp.gate.e_score_correction_bias.data = m.mlp.gate.e_score_correction_bias.data.float()
    with torch.no_grad(): rounded = half(input_ids=ids).logits.float()
    assert not forced, "the bf16 run did not take the choices"
    os.makedirs(folder, exist_ok=True)
    state = {k: (v.float() if "e_score_correction_bias" in k else v.bfloat16()).cpu() for k, v in per_expert(half.state_dict()).items() if "inv_freq" not in k}
    save_file(state, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
    config.architectures = ["DeepseekV3ForCausalLM"]; config.save_pretrained(folder)
    expected = {"input_ids": ids.int().cpu(), "logits": full.reshape(-1, config.vocab_size).cpu().contiguous(), "logits_bf16": rounded.reshape(-1, config.vocab_size).cpu().contiguous()}
    expected.update({f"experts.{i}": c.int().reshape(-1, config.num_experts_per_tok).cpu().contiguous() for i, c in enumerate(chosen)})
    save_file(expected, os.path.join(folder, "expected.safetensors"))
    rms = ((rounded - full).pow(2).mean() / full.pow(2).mean()).sqrt().item()
    print(json.dumps(dict(torch=torch.__version__, transformers=__version__, device=DEVICE, rmsError=rms)))

def muon(steps, out):
    from torch.optim import _muon
    given = load_file(steps)
    names = sorted(k[2:] for k in given if k.startswith("w."))
    count = 1 + max(int(k.split(".")[1]) for k in given if k.startswith("g."))
    source = inspect.getsource(_muon._zeropower_via_newtonschulz)
    assert "bfloat16()" in source, "torch.optim.Muon casts otherwise than it did"
    kept = _muon._zeropower_via_newtonschulz
    results = {}
    for label in ("as-is", "f32"):
        if label == "f32":
            space = dict(vars(_muon)); exec(source.replace(".bfloat16()", ".float()"), space)
            _muon._zeropower_via_newtonschulz = space["_zeropower_via_newtonschulz"]
        weights = {n: torch.nn.Parameter(given[f"w.{n}"].clone().to(DEVICE)) for n in names}
        # Its momentum is a mean where ours is a sum: 1/(1 − μ) of it, which orthogonalizing forgets.
        optimizer = torch.optim.Muon(list(weights.values()), lr=0.02, weight_decay=0.1, momentum=0.95, nesterov=True, adjust_lr_fn="match_rms_adamw")
        for step in range(count):
            for n, w in weights.items(): w.grad = given[f"g.{step}.{n}"].clone().to(DEVICE)
            optimizer.step()
        results.update({f"{label}.{n}": w.detach().cpu().contiguous() for n, w in weights.items()})
        _muon._zeropower_via_newtonschulz = kept
    save_file(results, out)
    print(json.dumps(dict(torch=torch.__version__, device=DEVICE, steps=count)))

if sys.argv[1] == "logits": logits(sys.argv[2])
else: muon(sys.argv[2], sys.argv[3])
