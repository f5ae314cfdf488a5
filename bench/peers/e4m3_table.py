"""Writes packages/tensor/fixtures/e4m3.json with ml_dtypes (JAX's and TensorFlow's float8): what e4m3fn is, made by others.

  python3 bench/peers/e4m3_table.py packages/tensor/fixtures/e4m3.json   (ml_dtypes 0.6, numpy 2.4)

`values`: the f32 bits of each of the 256 codes, in hex. `rounding`: pairs of f32 bits and code for every midpoint between neighbouring
values, the f32 numbers just beside it, and random numbers. ml_dtypes overflows to NaN where we saturate, so that inputs stay below 464,
from where on its result is NaN.
"""
import json, sys
import ml_dtypes, numpy as np

out = sys.argv[1]
codes = np.arange(256, dtype=np.uint8)
values = codes.view(ml_dtypes.float8_e4m3fn).astype(np.float32)
finite = np.sort(values[np.isfinite(values)])
middle = ((finite[1:].astype(np.float64) + finite[:-1]) / 2).astype(np.float32)
rng = np.random.default_rng(0)
random = np.concatenate([rng.uniform(-463, 463, 500), rng.normal(size=500) * 2.0 ** rng.integers(-14, 6, 500)]).astype(np.float32)
tiny = np.array([1e-45, -1e-45, 1e-38, 2**-10, -(2**-10), 0.0, -0.0], dtype=np.float32)
inputs = np.concatenate([finite, middle, np.nextafter(middle, np.float32(np.inf)), np.nextafter(middle, np.float32(-np.inf)), tiny, random])
inputs = inputs[np.abs(inputs) < 464].astype(np.float32)
results = inputs.astype(ml_dtypes.float8_e4m3fn).view(np.uint8)
hexes = lambda array: [f"{word:08x}" for word in array.view(np.uint32).tolist()]
with open(out, "w") as file:
    json.dump({"source": f"ml_dtypes {ml_dtypes.__version__}, numpy {np.__version__}", "values": hexes(values),
               "rounding": [[a, b] for a, b in zip(hexes(inputs), results.tolist())]}, file)
    file.write("\n")
print(len(inputs), "inputs")
