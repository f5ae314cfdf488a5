import { packColumns6, packPanel, packPanelTransposed, packRows6 } from "./gemm-pack";
import { tile6x8, tile6x8Add, tile6x16, tile6x16Add } from "./gemm-tile";

/** Width of the tiles: 16 where the code is revectorized, else 8. The host sets it once, before any product. */
export let tileWidth: i32 = 8;

export function setTileWidth(width: i32): void {
  tileWidth = width;
}

// A panel of B (16 × 256 × 4 = 16 KiB) stays in the first-level cache, a block of A (192 KiB) in the second.
const blockK: i32 = 256;
const blockM: i32 = 192;
const blockN: i32 = 2048;

const tileBytes: usize = 6 * 16 * 4;
const packedABytes: usize = <usize>blockM * <usize>blockK * 4;

/**
 * D (+)= alpha · op(A) · op(B) for one thread, through packed blocks: D [m, n], pointers at the first element of each
 * operand, leading dimensions in elements. `add`: D holds values to add to. `lower`: only tiles that touch the lower
 * triangle are computed, where `diagonal` is the row of D that lies on the diagonal at D's first column.
 */
export function gemmBlock(
  a: usize,
  lda: i32,
  transposeA: bool,
  b: usize,
  ldb: i32,
  transposeB: bool,
  d: usize,
  ldd: i32,
  m: i32,
  n: i32,
  k: i32,
  alpha: f32,
  add: bool,
  work: usize,
  lower: bool,
  firstRow: i32,
): void {
  const width = tileWidth;
  const tile = work;
  const packedA = work + tileBytes;
  const packedB = packedA + packedABytes;
  const ldBytes = (<usize>ldd) << 2;
  for (let jc: i32 = 0; jc < n; jc += blockN) {
    const nc = min(blockN, n - jc);
    for (let pc: i32 = 0; pc < k; pc += blockK) {
      const kc = min(blockK, k - pc);
      const accumulate = add || pc > 0;
      for (let j: i32 = 0; j < nc; j += width) {
        const columns = min(width, nc - j);
        const out = packedB + ((<usize>j * <usize>kc) << 2);
        if (transposeB)
          packPanelTransposed(b + ((<usize>(jc + j) * <usize>ldb + pc) << 2), ldb, columns, kc, width, out);
        else packPanel(b + ((<usize>pc * <usize>ldb + jc + j) << 2), ldb, columns, kc, width, out);
      }
      for (let ic: i32 = 0; ic < m; ic += blockM) {
        const mc = min(blockM, m - ic);
        for (let i: i32 = 0; i < mc; i += 6) {
          const rows = min(6, mc - i);
          const out = packedA + ((<usize>i * <usize>kc) << 2);
          if (transposeA) packColumns6(a + ((<usize>pc * <usize>lda + ic + i) << 2), lda, rows, kc, alpha, out);
          else packRows6(a + ((<usize>(ic + i) * <usize>lda + pc) << 2), lda, rows, kc, alpha, out);
        }
        for (let j: i32 = 0; j < nc; j += width) {
          const columns = min(width, nc - j);
          const panel = packedB + ((<usize>j * <usize>kc) << 2);
          for (let i: i32 = 0; i < mc; i += 6) {
            if (lower && jc + j > firstRow + ic + i + 5) continue;
            const rows = min(6, mc - i);
            const from = packedA + ((<usize>i * <usize>kc) << 2);
            const to = d + ((<usize>(ic + i) * <usize>ldd + jc + j) << 2);
            if (rows == 6 && columns == width) {
              if (width == 16) {
                if (accumulate) tile6x16Add(from, panel, to, ldBytes, kc);
                else tile6x16(from, panel, to, ldBytes, kc);
              } else if (accumulate) tile6x8Add(from, panel, to, ldBytes, kc);
              else tile6x8(from, panel, to, ldBytes, kc);
            } else {
              if (width == 16) tile6x16(from, panel, tile, 64, kc);
              else tile6x8(from, panel, tile, 32, kc);
              copyTile(tile, width, to, ldBytes, rows, columns, accumulate);
            }
          }
        }
      }
    }
  }
}

function copyTile(tile: usize, width: i32, to: usize, ldBytes: usize, rows: i32, columns: i32, add: bool): void {
  for (let i: i32 = 0; i < rows; i++) {
    for (let j: i32 = 0; j < columns; j++) {
      const at = to + <usize>i * ldBytes + ((<usize>j) << 2);
      const value = load<f32>(tile + ((<usize>(i * width + j)) << 2));
      store<f32>(at, add ? load<f32>(at) + value : value);
    }
  }
}
