// Matrices and activations to e4m3 and back: kernels/fp8.ts of the table, to the bit.

#include "fp8.cuh"

/** grid (⌈columns / 128⌉, ⌈rows / 128⌉), 256 threads: a block of the matrix each. */
extern "C" __global__ void quantizeBlocks(const T_x* x, e4m3* y, int rows, int columns, int firstRow, int matrix, int matrixRows) {
  int row = blockIdx.y * FP8_BLOCK, column = blockIdx.x * FP8_BLOCK, c = column + threadIdx.x % FP8_BLOCK;
  int last = row + FP8_BLOCK < rows ? row + FP8_BLOCK : rows;
  float largest = 0.0f;
  if (c < columns)
    for (int r = row + threadIdx.x / FP8_BLOCK; r < last; r += 2) largest = fmaxf(largest, finiteSize(x[(i64)r * columns + c]));
  float scale = scaleFor(blockMax(largest));
  char* start = (char*)y + matrix * matrixBytes(matrixRows, columns);
  if (c < columns)
    for (int r = row + threadIdx.x / FP8_BLOCK; r < last; r += 2)
      start[(i64)(firstRow + r) * columns + c] = scaledCode(x[(i64)r * columns + c], scale);
  // The last block fills the row of scales up.
  int pitch = scalePitch(columns), filled = blockIdx.x + 1 == gridDim.x ? pitch - blockIdx.x : 1;
  float* scales = (float*)(start + scalesAt(matrixRows, columns)) + (i64)(firstRow + row) / FP8_BLOCK * pitch + blockIdx.x;
  if ((int)threadIdx.x < filled) scales[threadIdx.x] = threadIdx.x == 0 ? scale : 0.0f;
}

/** A place begins at a multiple of 128 bytes. */
extern "C" __global__ void storeBlocks(const u32* codes, const float* scales, e4m3* y, int rows, int columns, int firstRow, int matrix, int matrixRows) {
  char* start = (char*)y + matrix * matrixBytes(matrixRows, columns);
  i64 bytes = (i64)rows * columns;
  u32* to = (u32*)(start + (i64)firstRow * columns);
  GRID_LOOP(i, bytes / 4) to[i] = codes[i];
  GRID_LOOP(i, bytes % 4) ((char*)to)[bytes / 4 * 4 + i] = codes[bytes / 4] >> 8 * i;
  int pitch = scalePitch(columns), across = blocksOf(columns);
  float* toScales = (float*)(start + scalesAt(matrixRows, columns)) + (i64)(firstRow / FP8_BLOCK) * pitch;
  GRID_LOOP(i, (i64)blocksOf(rows) * pitch) toScales[i] = i % pitch < across ? scales[i / pitch * across + i % pitch] : 0.0f;
}

/** A thread makes eight columns where those are multiples of 8, else one. */
extern "C" __global__ void dequantizeBlocks(const e4m3* x, T_y* y, int matrices, int rows, int columns) {
  int wide = columns % 8 == 0, units = wide ? columns / 8 : columns;
  GRID_LOOP(i, (i64)matrices * rows * units) {
    i64 line = i / units;
    int row = line % rows, c = (int)(i - line * units) * (wide ? 8 : 1);
    WeightRows<e4m3> from = rowsOf(x, line / rows, rows, columns, row);
    float scale = from.scales[c / FP8_BLOCK];
    if (wide) {
      Eight v = eightOf(*(const uint2*)(from.first + c));
#pragma unroll
      for (int j = 0; j < 8; j++) v.v[j] *= scale;
      store8(y + line * columns + c, v);
    } else {
      float value, other;
      valuesOf(from.first[c].bits, value, other);
      y[line * columns + c] = value * scale;
    }
  }
}

/** A warp makes a tile: grid (⌈rows · ⌈columns / 128⌉ / 8⌉), 256 threads. columns is a multiple of 4. */
extern "C" __global__ void quantizeTiles(const T_x* x, u32* codes, float* scales, int rows, int columns) {
  int tiles = blocksOf(columns), lane = threadIdx.x & 31;
  i64 unit = (i64)blockIdx.x * 8 + threadIdx.x / 32;
  if (unit >= (i64)rows * tiles) return;
  i64 row = unit / tiles;
  int tile = unit - row * tiles, c = tile * FP8_BLOCK + lane * 4;
  float v[4] = {};
  if (c < columns)
#pragma unroll
    for (int i = 0; i < 4; i++) v[i] = x[row * columns + c + i];
  float scale = scaleFor(warpMax(fmaxf(fmaxf(finiteSize(v[0]), finiteSize(v[1])), fmaxf(finiteSize(v[2]), finiteSize(v[3])))));
  u32 word = 0;
#pragma unroll
  for (int i = 0; i < 4; i++) word |= scaledCode(v[i], scale) << 8 * i;
  if (c < columns) codes[(row * columns + c) / 4] = word;
  if (lane == 0) scales[(i64)tile * rows + row] = scale;
}

/** A thread makes eight columns where those are multiples of 8, else four. */
extern "C" __global__ void dequantizeTiles(const u32* codes, const float* scales, T_y* y, int rows, int columns) {
  int wide = columns % 8 == 0, units = columns / (wide ? 8 : 4);
  GRID_LOOP(i, (i64)rows * units) {
    i64 row = i / units;
    int c = (int)(i - row * units) * (wide ? 8 : 4);
    float scale = scales[(i64)(c / FP8_BLOCK) * rows + row];
    T_y* to = y + row * columns + c;
    if (wide) {
      Eight v = eightOf(((const uint2*)codes)[i]);
#pragma unroll
      for (int j = 0; j < 8; j++) v.v[j] *= scale;
      store8(to, v);
    } else {
      float v[4];
      valuesOf(codes[i], v[0], v[1]);
      valuesOf(codes[i] >> 16, v[2], v[3]);
#pragma unroll
      for (int j = 0; j < 4; j++) to[j] = v[j] * scale;
    }
  }
}
