"""Checks checkpoints of Baltoro from outside: e4m3 and its scales are read here by their definition, in numpy alone.

  python3 bench/peers/checkpoint.py weights FP8 PLAIN [--source SOURCE]     numpy
      FP8's weights, dequantized here, are those of PLAIN, the export of FP8 to f32 (bit for bit) or bf16 (rounded to nearest);
      with SOURCE, the checkpoint that FP8 was made of, scales and codes are also what quantizing it here gives, and the RMS error of quantized
      weights to their own RMS is told.

  python3 bench/peers/checkpoint.py logits CHECKPOINT LOGITS [--own]        torch >= 2.8, transformers 5
      CHECKPOINT (f32, bf16 or fp8, dequantized here) opened by transformers in f32 gives the logits that
      bench/peers/checkpoint-logits.ts wrote to LOGITS; with --own transformers dequantizes it itself, in bf16.

Ends with 1 if something differs, and prints one JSON object as the last line.
"""
import argparse, json, os, struct, sys, tempfile
import numpy as np

WIDTH = {"F32": "<f4", "BF16": "<u2", "F8_E4M3": "u1", "I32": "<i4"}
SUFFIX = "_scale_inv"

def tensors(path):
    """name -> (dtype, array of bits) of a file, or of a directory with an index."""
    if os.path.isdir(path):
        index = os.path.join(path, "model.safetensors.index.json")
        names = sorted(set(json.load(open(index))["weight_map"].values())) if os.path.exists(index) else ["model.safetensors"]
        return {k: v for name in names for k, v in tensors(os.path.join(path, name)).items()}
    data = np.memmap(path, dtype="u1", mode="r")
    size = struct.unpack("<Q", data[:8].tobytes())[0]
    result = {}
    for name, entry in json.loads(data[8 : 8 + size].tobytes()).items():
        if name == "__metadata__": continue
        start, end = entry["data_offsets"]
        assert start % np.dtype(WIDTH[entry["dtype"]]).itemsize == 0, f"{name} is not aligned"
        bits = np.frombuffer(data[8 + size + start : 8 + size + end].tobytes(), dtype=WIDTH[entry["dtype"]])
        result[name] = (entry["dtype"], bits.reshape(entry["shape"]))
    return result

def e4m3():
    code = np.arange(256)
    exponent, fraction = (code >> 3) & 15, code & 7
    value = np.where(exponent == 0, np.ldexp(fraction / 8, -6), np.ldexp(1 + fraction / 8, exponent - 7))
    value[(code & 127) == 127] = np.nan
    return np.where(code < 128, value, -value)

TABLE = e4m3()

def spread(scale, shape):
    return np.repeat(np.repeat(scale, 128, 0), 128, 1)[: shape[0], : shape[1]]

def to_f32(name, all_tensors):
    dtype, bits = all_tensors[name]
    if dtype == "F32": return bits
    if dtype == "BF16": return (bits.astype("u4") << 16).view("f4")
    return TABLE.astype("f4")[bits] * spread(all_tensors[name + SUFFIX][1], bits.shape)

def to_bf16(x):
    word = x.view("u4")
    return ((word + 0x7FFF + ((word >> 16) & 1)) >> 16).astype("u2")

def quantize(x):
    """codes and scales by definition: largest magnitude of the block over 448; the nearest value, the even code of two."""
    rows, columns = -(-x.shape[0] // 128), -(-x.shape[1] // 128)
    padded = np.zeros((rows * 128, columns * 128), "f4")
    padded[: x.shape[0], : x.shape[1]] = np.abs(x)
    largest = padded.reshape(rows, 128, columns, 128).max((1, 3))
    scale = np.where(largest == 0, 1, largest / np.float32(448)).astype("f4")
    y = np.abs(x / spread(scale, x.shape)).astype("f8")
    values = TABLE[:127]
    above = np.clip(np.searchsorted(values, y), 1, 126)
    low, high = y - values[above - 1], values[above] - y
    code = np.where((low < high) | ((low == high) & (above % 2 == 1)), above - 1, above)
    return (code | np.where(np.signbit(x), 128, 0)).astype("u1"), scale

def weights(args):
    fp8, plain = tensors(args.fp8), tensors(args.plain)
    source = tensors(args.source) if args.source else None
    counts = dict(weights=0, quantized=0, codes=0, wrong=0)
    error = power = 0.0
    names = [name for name in fp8 if not name.endswith(SUFFIX)]
    assert set(names) == set(plain), "the names differ"
    for name in names:
        dtype, bits = fp8[name]
        ours = to_f32(name, fp8)
        stored, other = plain[name]
        expected = to_bf16(np.ascontiguousarray(ours)) if stored == "BF16" else np.ascontiguousarray(ours).view("u4")
        good = np.array_equal(expected, other if stored == "BF16" else other.view("u4"))
        counts["weights"] += 1
        if dtype == "F8_E4M3":
            counts["quantized"] += 1; counts["codes"] += bits.size
            if source:
                original = to_f32(name, source)
                error += float(((ours - original).astype("f8") ** 2).sum()); power += float((original.astype("f8") ** 2).sum())
                codes, scale = quantize(original)
                good = good and np.array_equal(codes, bits) and np.array_equal(scale, fp8[name + SUFFIX][1])
        if not good: counts["wrong"] += 1; print("differs:", name, file=sys.stderr)
    if source: counts["rmsError"] = (error / power) ** 0.5
    print(json.dumps(counts))
    return counts["wrong"] == 0 and counts["quantized"] > 0

def logits(args):
    import torch
    from safetensors.torch import save_file
    from transformers import AutoModelForCausalLM, __version__
    given = tensors(args.logits)
    ids = torch.from_numpy(given["input_ids"][1].astype("i8")); ours = torch.from_numpy(given["logits"][1].copy())
    with tempfile.TemporaryDirectory() as folder:
        path = args.checkpoint
        if args.own:
            from transformers import FineGrainedFP8Config
            model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.bfloat16, attn_implementation="eager", quantization_config=FineGrainedFP8Config(dequantize=True))
        else:
            stored = tensors(path)
            config = json.load(open(os.path.join(path, "config.json"))); config.pop("quantization_config", None); config["torch_dtype"] = "float32"
            json.dump(config, open(os.path.join(folder, "config.json"), "w"))
            save_file({n: torch.from_numpy(np.ascontiguousarray(to_f32(n, stored))) for n in stored if not n.endswith(SUFFIX)}, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
            model, report = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
            assert not report["missing_keys"] and not report["unexpected_keys"], report
        with torch.no_grad(): theirs = model.eval()(input_ids=ids.to(model.device), use_cache=False).logits.float().cpu().reshape(ours.shape)
    error = ((theirs - ours).abs().max() / theirs.abs().max()).item()
    rms = ((theirs - ours).pow(2).mean() / theirs.pow(2).mean()).sqrt().item()
    print(json.dumps(dict(torch=torch.__version__, transformers=__version__, own=args.own, maxError=error, rmsError=rms)))
    # f32 against f32 as in the parity tests; bf16 is reported only.
    return args.own or error <= 1e-4

parser = argparse.ArgumentParser()
commands = parser.add_subparsers(required=True)
one = commands.add_parser("weights"); one.add_argument("fp8"); one.add_argument("plain"); one.add_argument("--source"); one.set_defaults(run=weights)
two = commands.add_parser("logits"); two.add_argument("checkpoint"); two.add_argument("logits"); two.add_argument("--own", action="store_true"); two.set_defaults(run=logits)
args = parser.parse_args()
sys.exit(0 if args.run(args) else 1)
