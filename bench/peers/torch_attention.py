"""Attention in PyTorch on a GPU: milliseconds of forward and backward, bf16, causal, for every backend of scaled_dot_product_attention that
takes the shape. q, k [B, S, H, D], v [B, S, H, E], random. Medians of events. Prints one JSON line.
usage: torch_attention.py BATCH SEQUENCE HEADS QK_DIM V_DIM"""
import json, sys
import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

batch, sequence, heads, qk, v = (int(x) for x in sys.argv[1:6])


def tensor(dim, grad=True):
    x = torch.randn(batch, sequence, heads, dim, device="cuda", dtype=torch.bfloat16)
    return x.requires_grad_(grad)


def median(work, rounds=20):
    times = []
    for _ in range(rounds + 5):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        work()
        end.record()
        torch.cuda.synchronize()
        times.append(start.elapsed_time(end))
    return sorted(times[5:])[rounds // 2]


result = {}
inputs = [tensor(qk), tensor(qk), tensor(v)]
dout = tensor(v, False).transpose(1, 2)
for name in ("CUDNN_ATTENTION", "FLASH_ATTENTION", "EFFICIENT_ATTENTION"):
    try:
        with sdpa_kernel(getattr(SDPBackend, name)):
            forward = lambda: F.scaled_dot_product_attention(*(x.transpose(1, 2) for x in inputs), is_causal=True)
            out = forward()
            backward = lambda: torch.autograd.grad(out, inputs, dout, retain_graph=True)
            backward()
            result[name] = dict(forward=median(forward), backward=median(backward))
    except Exception as error:
        result[name] = dict(error=str(error).strip().split("\n")[0])
print(json.dumps(dict(torch=torch.__version__, gpu=torch.cuda.get_device_name(), cudnn=torch.backends.cudnn.version(), result=result)))
