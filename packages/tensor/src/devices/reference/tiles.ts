import type { tileKernels as table } from "../../kernels/tiles.ts";
import { e4m3Values, scaleOf } from "../../safetensors/float8.ts";
import { codeOf, largestOf } from "./fp8.ts";
import type { Implementations } from "./view.ts";

const block = 128;

export const tileKernels: Implementations<keyof typeof table> = {
  quantizeTiles({ x, codes, scales, rows, columns }) {
    codes.fill(0, 0, (rows * columns) / 4);
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) {
        const tile = Math.floor(c / block);
        if (c % block === 0) scales[tile * rows + r] = scaleOf(largestOf(x, rows, columns, r, c, 1));
        const at = r * columns + c;
        codes[at >> 2] |= codeOf(x[at], scales[tile * rows + r]) << ((at & 3) * 8);
      }
    }
  },
  dequantizeTiles({ codes, scales, y, rows, columns }) {
    for (let i = 0; i < rows * columns; i++) {
      const [row, tile] = [Math.floor(i / columns), Math.floor((i % columns) / block)];
      y[i] = Math.fround(e4m3Values[(codes[i >> 2] >> ((i & 3) * 8)) & 0xff] * scales[tile * rows + row]);
    }
  },
};
