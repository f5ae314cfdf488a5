"""Writes packages/training/fixtures/torch-steps: a tiny K2 model, twenty batches, and the losses that PyTorch finds for them.

  python3 bench/peers/torch_steps.py packages/training/fixtures/torch-steps   (torch >= 1.13, CPU, float32)

Model and Muon are those of torch_k2.py. Clipping by global norm is torch's own; QK-Clip and bias balancing are written here, plainly.
Every step clips gradients, some heads exceed the threshold at most steps, and balancing changes which experts are chosen.
"""
import json, os, struct, sys
import torch
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from torch_k2 import K2, MLA, MoE, Muon, rope

out = sys.argv[1] if len(sys.argv) > 1 else "packages/training/fixtures/torch-steps"
C = dict(dim=32, layers=3, dense=1, heads=2, q_lora=16, kv_lora=16, nope=8, rope=8, v=8, ffn=64, experts=4, topk=2, moe=16, vocab=64, seq=32, batch=2, shared=1)
RUN = dict(steps=20, learningRate=8e-3, weightDecay=0.1, maxGradientNorm=0.5, qkClipThreshold=1.5, balanceRate=0.02)
torch.manual_seed(7)
torch.set_num_threads(1)
model = K2(C)
with torch.no_grad():
    for name, p in model.named_parameters():
        if p.ndim < 2: p.copy_(1 + 0.1 * torch.randn_like(p))
        elif ".q_b." in name or ".kv_a." in name or ".kv_b." in name: p.copy_(0.35 * torch.randn_like(p))
        elif ".gate." in name: p.copy_(0.3 * torch.randn_like(p))
        else: p.copy_(0.1 * torch.randn_like(p))

def hugging_face(model):
    """Tensors under the names of published checkpoints; linear layers [out, in], one tensor for each expert."""
    yield "model.embed_tokens.weight", model.e.weight
    for i, b in enumerate(model.b):
        stem, a = f"model.layers.{i}.", b.a
        yield stem + "input_layernorm.weight", b.n1.w
        yield stem + "post_attention_layernorm.weight", b.n2.w
        for name, p in (("q_a_proj", a.q_a.weight), ("q_a_layernorm", a.qn.w), ("q_b_proj", a.q_b.weight), ("kv_a_proj_with_mqa", a.kv_a.weight),
                        ("kv_a_layernorm", a.kvn.w), ("kv_b_proj", a.kv_b.weight), ("o_proj", a.o.weight)):
            yield stem + f"self_attn.{name}.weight", p
        def mlp(prefix, m):
            for name, p in (("gate_proj", m.g.weight), ("up_proj", m.u.weight), ("down_proj", m.d.weight)): yield stem + prefix + name + ".weight", p
        if not isinstance(b.f, MoE): yield from mlp("mlp.", b.f); continue
        yield stem + "mlp.gate.weight", b.f.gate.weight
        yield stem + "mlp.gate.e_score_correction_bias", b.f.bias
        for e in range(C["experts"]):
            for name, p in (("gate_proj", b.f.wg), ("up_proj", b.f.wu), ("down_proj", b.f.wd)): yield stem + f"mlp.experts.{e}.{name}.weight", p[e].t()
        yield from mlp("mlp.shared_experts.", b.f.shared)
    yield "model.norm.weight", model.n.w
    yield "lm_head.weight", model.h.weight

def save_safetensors(path, tensors):
    header, body = {}, b""
    for name, p in tensors:
        data = p.detach().contiguous().numpy().astype("<f4").tobytes()
        header[name] = dict(dtype="F32", shape=list(p.shape), data_offsets=[len(body), len(body) + len(data)])
        body += data
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file: file.write(struct.pack("<Q", len(text)) + text + body)

os.makedirs(out, exist_ok=True)
save_safetensors(os.path.join(out, "model.safetensors"), hugging_face(model))
config = dict(architectures=["DeepseekV3ForCausalLM"], model_type="deepseek_v3", vocab_size=C["vocab"], hidden_size=C["dim"], num_hidden_layers=C["layers"],
              first_k_dense_replace=C["dense"], intermediate_size=C["ffn"], moe_intermediate_size=C["moe"], n_routed_experts=C["experts"], n_shared_experts=C["shared"],
              num_experts_per_tok=C["topk"], norm_topk_prob=True, routed_scaling_factor=2.5, num_attention_heads=C["heads"], q_lora_rank=C["q_lora"],
              kv_lora_rank=C["kv_lora"], qk_nope_head_dim=C["nope"], qk_rope_head_dim=C["rope"], v_head_dim=C["v"], rope_theta=50000.0,
              max_position_embeddings=C["seq"], rms_norm_eps=1e-6, bos_token_id=0, eos_token_id=1)
with open(os.path.join(out, "config.json"), "w") as file: json.dump(config, file, indent=2); file.write("\n")

seen = {}
def note_logits(mla, inputs, _):
    """Largest causal logit of each head: [H]."""
    x, cos, sin = inputs
    c, (B, T, _) = mla.c, x.shape
    with torch.no_grad():
        qn, qr = mla.q_b(mla.qn(mla.q_a(x))).view(B, T, c["heads"], -1).split([c["nope"], c["rope"]], -1)
        kv, kr = mla.kv_a(x).split([c["kv_lora"], c["rope"]], -1)
        kn = mla.kv_b(mla.kvn(kv)).view(B, T, c["heads"], -1)[..., : c["nope"]]
        logits = torch.einsum("bqhd,bkhd->bhqk", qn, kn) + torch.einsum("bqhd,bkd->bhqk", rope(qr, cos, sin), rope(kr.unsqueeze(2), cos, sin)[:, :, 0])
        logits = (logits / (c["nope"] + c["rope"]) ** 0.5).masked_fill(~torch.ones(T, T, dtype=torch.bool).tril(), float("-inf"))
        seen[mla] = logits.amax((0, 2, 3))
def note_loads(moe, inputs, _):
    with torch.no_grad():
        scores = torch.sigmoid(inputs[0].reshape(-1, C["dim"]) @ moe.gate.weight.t())
        chosen = (scores + moe.bias).topk(C["topk"], -1).indices
        seen[moe] = torch.bincount(chosen.flatten(), minlength=C["experts"]).float()
        moved[0] += (chosen.sort(-1).values != scores.topk(C["topk"], -1).indices.sort(-1).values).any(-1).sum().item()
moved = [0]
for module in model.modules():
    if isinstance(module, MLA): module.register_forward_hook(note_logits)
    if isinstance(module, MoE): module.register_forward_hook(note_loads)

optimizer = Muon(model, lr=RUN["learningRate"], wd=RUN["weightDecay"])
masters = {p: w[i] for ps, w in zip(optimizer.g, optimizer.master) for i, p in enumerate(ps)}
def scale_rows(p, rows, factor):
    for tensor in (p.data, masters[p]): tensor[rows] *= factor
def qk_clip(tau):
    fired = 0
    for mla in (m for m in model.modules() if isinstance(m, MLA)):
        nope, r, v = C["nope"], C["rope"], C["v"]
        for h, top in enumerate(seen[mla].tolist()):
            if top <= tau: continue
            fired, gamma, q, kv = fired + 1, tau / top, h * (nope + r), h * (nope + v)
            scale_rows(mla.q_b.weight, slice(q, q + nope), gamma ** 0.5)
            scale_rows(mla.q_b.weight, slice(q + nope, q + nope + r), gamma)
            scale_rows(mla.kv_b.weight, slice(kv, kv + nope), gamma ** 0.5)
    return fired
def balance(rate):
    for moe in (m for m in model.modules() if isinstance(m, MoE)):
        delta = rate * torch.sign(seen[moe].mean() - seen[moe])
        moe.bias += delta - delta.mean()

noise = torch.Generator().manual_seed(11)
def sequence():
    """Each token follows from the one before it, but for one in eight that is drawn."""
    ids = torch.randint(0, C["vocab"], (1,), generator=noise).tolist()
    while len(ids) < C["seq"] + 1:
        drawn = torch.randint(0, 8, (1,), generator=noise).item() == 0
        ids.append(torch.randint(0, C["vocab"], (1,), generator=noise).item() if drawn else (5 * ids[-1] + 7) % C["vocab"])
    return ids

record = dict(run=RUN, batchSize=C["batch"], sequenceLength=C["seq"], torch=torch.__version__, ids=[], losses=[], gradientNorms=[], maxLogits=[], clippedHeads=[])
for step in range(RUN["steps"]):
    ids = [sequence() for _ in range(C["batch"])]
    batch = torch.tensor(ids)
    loss = model(batch[:, :-1], batch[:, 1:])
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), RUN["maxGradientNorm"]).item()
    record["ids"].append(sum(ids, [])); record["losses"].append(loss.item()); record["gradientNorms"].append(norm)
    record["maxLogits"].append([seen[b.a].max().item() for b in model.b])
    optimizer.step()
    record["clippedHeads"].append(qk_clip(RUN["qkClipThreshold"]))
    balance(RUN["balanceRate"])
    for p in model.parameters(): p.grad = None
record["movedChoices"] = moved[0]
assert min(record["gradientNorms"]) > RUN["maxGradientNorm"] and sum(record["clippedHeads"]) >= 20 and moved[0] > 100, "the fixture would not notice mistakes"
lines = ",\n".join(f"  {json.dumps(k)}: {json.dumps(v, separators=(',', ':'))}" for k, v in record.items())
with open(os.path.join(out, "steps.json"), "w") as file: file.write("{\n" + lines + "\n}\n")
print("losses", [round(l, 3) for l in record["losses"]], "norms", [round(n, 2) for n in record["gradientNorms"]], "clipped heads", record["clippedHeads"], "choices moved by the bias", moved[0])
