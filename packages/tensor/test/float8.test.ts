/** e4m3fn and blocks of it, against a table that ml_dtypes made (bench/peers/e4m3_table.py) and against definitions in float64. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { dequantizeBlockRow, e4m3Values, quantizeBlockRow, scaleShape, toE4m3 } from "@baltoro/tensor";
import fc from "fast-check";

const fixture = JSON.parse(readFileSync(join(import.meta.dirname, "../fixtures/e4m3.json"), "utf8")) as {
  values: string[];
  rounding: [string, number][];
};

const float = (hex: string) => new Float32Array(Uint32Array.of(Number.parseInt(hex, 16)).buffer)[0];
const anyFloat = fc.float({ noNaN: true, noDefaultInfinity: true });

test("all 256 codes have ml_dtypes' values, signed zeros and both NaNs included", () => {
  assert.equal(fixture.values.length, 256);
  for (const [code, hex] of fixture.values.entries()) {
    assert.ok(Object.is(e4m3Values[code], float(hex)), `code ${code}: ${e4m3Values[code]} is not ${float(hex)}`);
  }
});

test("every value is its own code; values, midpoints and their neighbours round as in ml_dtypes", () => {
  for (let code = 0; code < 256; code++) if ((code & 0x7f) !== 0x7f) assert.equal(toE4m3(e4m3Values[code]), code);
  assert.ok(fixture.rounding.length > 2000);
  for (const [hex, code] of fixture.rounding) assert.equal(toE4m3(float(hex)), code, `${float(hex)}`);
});

test("what is too large saturates, NaN stays NaN", () => {
  for (const value of [448, 448.1, 464, 480, 1e30, Number.POSITIVE_INFINITY]) {
    assert.equal(toE4m3(value), 0x7e, `${value}`);
    assert.equal(toE4m3(-value), 0xfe, `${-value}`);
  }
  assert.ok(Number.isNaN(e4m3Values[toE4m3(Number.NaN)]));
});

test("rounding takes the nearest value, in order, and mirrors signs", () => {
  const finite = Array.from(e4m3Values).filter((value) => Number.isFinite(value));
  fc.assert(
    fc.property(anyFloat, anyFloat, (a, b) => {
      const rounded = e4m3Values[toE4m3(a)];
      const clamped = Math.max(-448, Math.min(448, a));
      const least = Math.min(...finite.map((value) => Math.abs(value - clamped)));
      assert.equal(Math.abs(rounded - clamped), least);
      assert.equal(toE4m3(-a), toE4m3(a) ^ 0x80);
      const [low, high] = a < b ? [a, b] : [b, a];
      assert.ok(e4m3Values[toE4m3(low)] <= e4m3Values[toE4m3(high)]);
    }),
    { seed: 1, numRuns: 2000 },
  );
});

test("scales of 576 × 7168, K2's ragged kv_a projection: 5 × 56", () => {
  assert.deepEqual(scaleShape([576, 7168], { rows: 128, columns: 128 }), [5, 56]);
  assert.deepEqual(scaleShape([1, 129], { rows: 128, columns: 128 }), [1, 2]);
});

/** A block row by the definition, element by element. */
function byDefinition(values: Float32Array, columns: number, blockColumns: number) {
  const scales: number[] = [];
  for (let first = 0; first < columns; first += blockColumns) {
    const inBlock = values.filter((_, i) => i % columns >= first && i % columns < first + blockColumns);
    const largest = Math.max(...inBlock.map(Math.abs));
    scales.push(largest === 0 ? 1 : Math.fround(largest / 448));
  }
  const codes = Array.from(values, (value, i) => toE4m3(value / scales[Math.floor((i % columns) / blockColumns)]));
  return { codes, scales };
}

test("blocks of any ragged shape are scaled by their own maximum; the error is at most a sixteenth, or half a subnormal step", () => {
  const shape = fc.record({ rows: fc.integer({ min: 1, max: 5 }), columns: fc.integer({ min: 1, max: 11 }) });
  const moderate = fc.float({ noNaN: true, min: -1000, max: 1000 });
  fc.assert(
    fc.property(
      shape.chain(({ rows, columns }) =>
        fc.tuple(
          fc.constant(columns),
          fc.array(moderate, { minLength: rows * columns, maxLength: rows * columns }),
          fc.integer({ min: 1, max: 6 }),
        ),
      ),
      ([columns, list, blockColumns]) => {
        const values = Float32Array.from(list, (value) => (Math.abs(value) < 1e-30 ? 0 : value));
        const codes = new Uint8Array(values.length);
        const scales = new Float32Array(Math.ceil(columns / blockColumns));
        quantizeBlockRow(values, columns, blockColumns, codes, scales);
        const expected = byDefinition(values, columns, blockColumns);
        assert.deepEqual(Array.from(scales), expected.scales);
        assert.deepEqual(Array.from(codes), expected.codes);
        const back = new Float32Array(values.length);
        dequantizeBlockRow(codes, columns, blockColumns, scales, back);
        for (const [i, value] of values.entries()) {
          const scale = scales[Math.floor((i % columns) / blockColumns)];
          assert.equal(back[i], Math.fround(e4m3Values[codes[i]] * scale));
          const bound = Math.max(Math.abs(value) / 16, scale * 2 ** -10) * (1 + 1e-6);
          assert.ok(Math.abs(back[i] - value) <= bound, `${value} came back as ${back[i]}, scale ${scale}`);
        }
      },
    ),
    { seed: 2, numRuns: 500 },
  );
});

test("quantizing what was dequantized changes nothing but, at most, the last bit of a scale", () => {
  const columns = 300;
  const values = Float32Array.from({ length: 128 * columns }, (_, i) => Math.sin(i * 1.7) * Math.exp(Math.sin(i)));
  const quantize = (given: Float32Array) => {
    const codes = new Uint8Array(given.length);
    const scales = new Float32Array(3);
    quantizeBlockRow(given, columns, 128, codes, scales);
    return { codes, scales };
  };
  const first = quantize(values);
  const back = new Float32Array(values.length);
  dequantizeBlockRow(first.codes, columns, 128, first.scales, back);
  const second = quantize(back);
  assert.deepEqual(second.codes, first.codes);
  for (const [i, scale] of second.scales.entries())
    assert.ok(Math.abs(scale - first.scales[i]) <= first.scales[i] * 2 ** -23);
});

test("extremes: zeros, the smallest and largest f32, and what cannot be scaled", () => {
  const quantize = (values: number[]) => {
    const codes = new Uint8Array(values.length);
    const scales = new Float32Array(1);
    quantizeBlockRow(Float32Array.from(values), values.length, 128, codes, scales);
    return { codes: Array.from(codes), scale: scales[0] };
  };
  assert.deepEqual(quantize([0, -0, 0]), { codes: [0, 0x80, 0], scale: 1 });
  assert.deepEqual(quantize([1e-45, 0]).scale, 2 ** -126);
  const largest = quantize([3.4028234663852886e38, -1]);
  assert.deepEqual(largest.codes, [0x7e, 0x80]);
  assert.ok(Number.isFinite(largest.scale));
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    assert.throws(
      () => quantize([1, value]),
      new RegExp(`\\[0, 1\\] is ${value}, a block's scale needs finite values`),
    );
  }
});
