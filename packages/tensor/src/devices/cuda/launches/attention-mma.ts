import type { KernelArguments } from "../../../kernels.ts";
import type { Launcher } from "../launcher.ts";

const file = "attention-mma";

// As in kernels/attention-mma.cu.
const forward = { rows: 128, keys: 64, threads: 128 };
const query = { rows: 128, keys: 64, threads: 256 };
const key = { rows: 128, queries: 32, threads: 256 };

type Forward = KernelArguments<"attentionForward", number>;
type Backward = KernelArguments<"attentionBackward", number>;

/** Whether the tensor cores' kernels take these head sizes. */
export function fitsTensorCores({ qkDim, vDim }: { qkDim: number; vDim: number }): boolean {
  return qkDim % 16 === 0 && vDim % 16 === 0 && qkDim <= 256 && vDim <= 256;
}

function macros({ qkDim, vDim }: { qkDim: number; vDim: number }): string[] {
  return [`QK_DIM=${qkDim}`, `V_DIM=${vDim}`];
}

export function forwardOnTensorCores(g: Forward, launcher: Launcher): void {
  const [pitchK, pitchV] = [g.qkDim + 8, g.vDim + 8];
  const shared = 2 * ((forward.rows + forward.keys) * pitchK + forward.keys * pitchV);
  launcher.launch(
    file,
    "attentionForwardMma",
    [Math.ceil(g.sequence / forward.rows) * g.heads * g.batch],
    forward.threads,
    "pppppppiiifi",
    [g.q, g.k, g.v, g.documents, g.out, g.lse, g.rowMax, g.batch, g.sequence, g.heads, g.scale, g.causal],
    shared,
    macros(g),
  );
}

export function backwardOnTensorCores(g: Backward, launcher: Launcher): void {
  const width = g.qkDim + g.vDim + 16;
  const lanes = g.vDim > 128 ? 32 : g.vDim > 64 ? 16 : g.vDim > 32 ? 8 : 4;
  const rows = g.batch * g.sequence * g.heads;
  launcher.launch(
    file,
    "attentionDeltaMma",
    [Math.ceil((rows * lanes) / 256)],
    256,
    "pppiii",
    [g.dout, g.out, g.delta, g.batch, g.sequence, g.heads],
    0,
    macros(g),
  );
  const inputs = [g.dout, g.q, g.k, g.v, g.documents, g.lse, g.delta];
  const sizes = [g.batch, g.sequence, g.heads, g.scale, g.causal];
  launcher.launch(
    file,
    "attentionBackwardQMma",
    [Math.ceil(g.sequence / query.rows) * g.heads * g.batch],
    query.threads,
    "ppppppppiiifi",
    [...inputs, g.dq, ...sizes],
    2 * width * (query.rows + 2 * query.keys),
    macros(g),
  );
  launcher.launch(
    file,
    "attentionBackwardKVMma",
    [Math.ceil(g.sequence / key.rows) * g.heads * g.batch],
    key.threads,
    "pppppppppiiifi",
    [...inputs, g.dk, g.dv, ...sizes],
    2 * width * (key.rows + 2 * key.queries),
    macros(g),
  );
}
