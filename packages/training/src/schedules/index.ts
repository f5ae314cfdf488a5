/** Learning rate of an optimizer step, counted from 0: a pure function. */
export type Schedule = (step: number) => number;

/** How the rate falls in the last part. With u from 0 to 1: linear 1 − u; cosine (1 + cos πu)/2; sqrt 1 − √u. */
export type DecayShape = "linear" | "cosine" | "sqrt";

interface Common {
  /** The highest rate. */
  readonly peak: number;
  /** Optimizer steps of the run. */
  readonly steps: number;
  /** Steps of linear warm-up: step 0 has peak / warmup. Default 0. */
  readonly warmup?: number;
  /** The rate at the end, reached by the last step. Default 0. */
  readonly final?: number;
}

/** Options of {@link wsd}. */
export interface WsdOptions extends Common {
  /** Steps of decay at the end. */
  readonly decay: number;
  /** Default "cosine", as K2. */
  readonly shape?: DecayShape;
}

/**
 * Warm-up, stable, decay (MiniCPM, arXiv 2404.06395; K2 report §2.5: 500 steps up, constant, cosine to a tenth).
 * The shape 1 − √u is Hägele et al., arXiv 2405.18392.
 *
 * @example
 * const rate = wsd({ peak: 2e-3, steps: 10_000, warmup: 500, decay: 3_000, final: 2e-4 });
 * rate(0); // 4e-6
 * @throws RangeError for negative numbers and for warm-up and decay that are longer than the run.
 */
export function wsd({ peak, steps, warmup = 0, decay, final = 0, shape = "cosine" }: WsdOptions): Schedule {
  checkCommon("wsd", { peak, steps, warmup, final });
  checkCount("wsd", "decay", decay);
  if (warmup + decay > steps) {
    throw new RangeError(`wsd: warm-up (${warmup}) and decay (${decay}) are longer than the run (${steps} steps)`);
  }
  const remaining = decayShapes[shape];
  if (!remaining) throw new RangeError(`wsd: shape "${shape}" is none of ${Object.keys(decayShapes).join(", ")}`);
  const decayStart = steps - decay;
  return (step) => {
    if (step < warmup) return (peak * (step + 1)) / warmup;
    if (step < decayStart) return peak;
    // The first step of the decay is already lower, the last one is at the end.
    const progress = decay === 0 ? 0 : Math.min((step - decayStart + 1) / decay, 1);
    return final + (peak - final) * remaining(progress);
  };
}

/** Linear warm-up, then half a cosine down to `final` over the rest of the run. */
export function cosine({ peak, steps, warmup = 0, final = 0 }: Common): Schedule {
  checkCommon("cosine", { peak, steps, warmup, final });
  if (warmup > steps) throw new RangeError(`cosine: warm-up (${warmup}) is longer than the run (${steps} steps)`);
  return wsd({ peak, steps, warmup, final, decay: steps - warmup, shape: "cosine" });
}

/** The same rate throughout, after the warm-up. */
export function constant({ peak, steps, warmup = 0 }: Omit<Common, "final">): Schedule {
  return wsd({ peak, steps, warmup, decay: 0 });
}

const decayShapes: Record<DecayShape, (progress: number) => number> = {
  linear: (u) => 1 - u,
  cosine: (u) => (1 + Math.cos(Math.PI * u)) / 2,
  sqrt: (u) => 1 - Math.sqrt(u),
};

function checkCommon(name: string, { peak, steps, warmup, final }: Required<Common>): void {
  if (!(peak >= 0 && Number.isFinite(peak)))
    throw new RangeError(`${name}: peak ${peak} must be a finite rate of at least 0`);
  if (!(final >= 0 && final <= peak)) throw new RangeError(`${name}: final ${final} must be in 0 … peak (${peak})`);
  checkCount(name, "steps", steps);
  checkCount(name, "warmup", warmup);
}

function checkCount(name: string, option: string, value: number): void {
  if (!Number.isInteger(value) || value < 0)
    throw new RangeError(`${name}: ${option} ${value} must be a count of steps`);
}
