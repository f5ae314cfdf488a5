"""bf16 products in PyTorch on a GPU: TFLOP/s by size, random data. Each size is captured in a CUDA graph of several products over
rotating operands, and the median of the later half of the replays counts, when the clocks have settled. Prints one JSON line.
usage: torch_gemm.py SIZES"""
import json, sys
import torch

sizes = [int(n) for n in sys.argv[1].split(",")]
result = {}
for n in sizes:
    sets = max(2, min(16, int(2**28 / (2 * n * n))))
    count = max(sets, min(200, int(4e12 / (2 * n**3)))) // sets * sets
    a = [torch.randn(n, n, device="cuda", dtype=torch.bfloat16) for _ in range(sets)]
    b = [torch.randn(n, n, device="cuda", dtype=torch.bfloat16) for _ in range(sets)]
    d = [torch.empty(n, n, device="cuda", dtype=torch.bfloat16) for _ in range(sets)]
    # b is stored as a linear layer's weight, [out, in].
    run = lambda: [torch.mm(a[i % sets], b[i % sets].t(), out=d[i % sets]) for i in range(count)]
    run()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    times = []
    for _ in range(40):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        graph.replay()
        end.record()
        torch.cuda.synchronize()
        times.append(start.elapsed_time(end))
    result[n] = 2 * n**3 * count / sorted(times[20:])[10] / 1e9
    del a, b, d, graph
print(json.dumps(dict(torch=torch.__version__, gpu=torch.cuda.get_device_name(), tflops=result)))
