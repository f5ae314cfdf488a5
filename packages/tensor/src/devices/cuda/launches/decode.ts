import type { FusedKernelName } from "../../../kernels/index.ts";
import { latentPartials } from "./latent-splits.ts";
import type { Launches } from "./launch.ts";

const file = "decode";
const threads = 128;

/** Most rows for which kernels/decode.cu is compiled. */
export const mostFusedRows = 8;

/** Which of a kernel's buffers are weights: they are given in bf16. */
export const fusedWeights: Readonly<Record<FusedKernelName, readonly string[]>> = {
  normProducts: ["w0", "w1", "w2"],
  latentInputs: ["keys"],
  pagedLatentValues: ["values"],
  routedGates: ["gate", "up"],
  downProducts: ["down", "sharedDown"],
};

/** The ROWS that a kernel is compiled for. */
export function rowsMacro(rows: number): string {
  return `ROWS=${[1, 2, 4, 8].find((count) => count >= rows)}`;
}

const eighths = (n: number) => Math.ceil(n / 8);

export const decodeLaunches: Launches<FusedKernelName> = {
  normProducts(g, launcher) {
    launcher.launch(
      file,
      "normProducts",
      [eighths(g.n0) + eighths(g.n1) + eighths(g.n2)],
      threads,
      "pppppppppiiiiif",
      [
        ...[g.x, g.weight, g.normed ?? 0, g.w0, g.w1 ?? 0, g.w2 ?? 0, g.y0, g.y1 ?? 0, g.y2 ?? 0],
        ...[g.rows, g.dim, g.n0, g.n1, g.n2, g.eps],
      ],
      2 * g.rows * g.dim,
      [rowsMacro(g.rows)],
      true,
    );
  },
  latentInputs(g, launcher) {
    const columns = 4 * (g.rows > 4 ? 4 : 8);
    const blocks = g.heads * Math.ceil(g.latent / columns) + g.rows;
    const values = [g.q, g.kv, g.norm, g.keys, g.positions, g.cos, g.sin, g.slots, g.absorbed, g.cache];
    const sizes = [g.rows, g.heads, g.nope, g.latent, g.ropeDim, g.slotCount, g.eps];
    launcher.launch(
      file,
      "latentInputs",
      [blocks],
      threads,
      "ppppppppppiiiiiif",
      [...values, ...sizes],
      0,
      [rowsMacro(g.rows)],
      true,
    );
  },
  pagedLatentValues(g, launcher) {
    const { splits, macros } = latentPartials(g, launcher);
    const parts = Math.max(1, Math.min(4, Math.ceil(g.valueDim / 32)));
    launcher.launch(
      "latent-splits",
      "latentValues",
      [g.heads, g.rows, parts],
      256,
      "pppiii",
      [launcher.scratch, g.values, g.out, g.heads, g.valueDim, splits],
      4 * splits,
      macros,
      true,
    );
  },
  routedGates(g, launcher) {
    launcher.launch(
      file,
      "routedGates",
      [eighths(g.n), g.rows * g.k],
      threads,
      "pppppppppiiiif",
      [
        ...[g.x, g.logits, g.bias, g.gate, g.up, g.indices, g.weights, g.loads, g.y],
        ...[g.k, g.n, g.dim, g.normalize, g.scaling],
      ],
      0,
      [`EXPERTS=${g.experts}`],
      true,
    );
  },
  downProducts(g, launcher) {
    const buffers = [
      g.residual,
      g.y ?? 0,
      g.indices ?? 0,
      g.weights ?? 0,
      g.down ?? 0,
      g.gate,
      g.up,
      g.sharedDown,
      g.out,
    ];
    const values = [...buffers, g.dim, g.k, g.n, g.m];
    launcher.launch(
      file,
      "downProducts",
      [Math.ceil(g.dim / 2), g.rows],
      threads,
      "pppppppppiiii",
      values,
      0,
      [],
      true,
    );
  },
};
