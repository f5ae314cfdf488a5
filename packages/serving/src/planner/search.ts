/** Nodes of a cluster by what they do. Of a coupled one all do both. */
export interface Shape {
  readonly prefill: number;
  readonly decode: number;
  readonly coupled: number;
}

/** A cluster that was tried. */
export interface PlanPoint {
  /** "6P4D", "10M". */
  readonly cluster: string;
  readonly shape: Shape;
  readonly nodes: number;
  /** Share of all requests, 0 … 1, that are complete and within both limits. */
  readonly goodput: number;
  /** Shares within each limit. */
  readonly ttft: number;
  readonly tbt: number;
  readonly rejected: number;
  readonly ttftP90Ms: number | null;
  readonly tbtP90Ms: number | null;
}

export interface PlanOptions {
  /** Share of effective requests to reach, 0 < target ≤ 1. */
  readonly target: number;
  readonly coupled?: boolean;
  /** Default 256. */
  readonly maxNodes?: number;
  /** Nodes of a prefill group; the number of prefill nodes is a multiple of it. Default 1. */
  readonly prefillGroup?: number;
  /** Told of each cluster that was tried. */
  readonly onPoint?: (point: PlanPoint) => void;
}

export interface Plan {
  readonly target: number;
  /** The smallest cluster that reaches the target; null: none does. */
  readonly answer: PlanPoint | null;
  /** The best of every size that was tried, smallest first: what each further node buys. */
  readonly frontier: readonly PlanPoint[];
  /** Everything that was tried, in order. */
  readonly tried: readonly PlanPoint[];
  /** Without an answer: why the search ended. */
  readonly ended: "found" | "max-nodes" | "saturated";
}

/** What is measured of a cluster; see {@link planCluster}. */
export type Evaluate = (cluster: string) => Promise<Omit<PlanPoint, "cluster" | "shape" | "nodes">>;

/**
 * Twice as many nodes that gain less than this are held to gain nothing, if latencies do not move either: a cluster that is
 * far too small gains nothing, too, but its queues get shorter.
 */
const saturation = { goodput: 0.001, latency: 0.05 };

function gains(before: PlanPoint, after: PlanPoint): boolean {
  const moved = (a: number | null, b: number | null) =>
    a === null || b === null ? a !== b : Math.abs(b - a) > saturation.latency * Math.max(a, b);
  return (
    after.goodput - before.goodput >= saturation.goodput ||
    moved(before.ttftP90Ms, after.ttftP90Ms) ||
    moved(before.tbtP90Ms, after.tbtP90Ms)
  );
}

/**
 * The smallest cluster whose goodput reaches the target, and how it is split into prefill and decode. Sizes double until one
 * reaches it, then the gap is halved; of each size the split is climbed to from that of the nearest size known. Goodput is taken
 * to rise with the size and to have one peak over the splits.
 * @throws RangeError for a target outside (0, 1], or fewer nodes at most than the smallest cluster has.
 */
export async function planCluster(evaluate: Evaluate, options: PlanOptions): Promise<Plan> {
  const { target, coupled = false, maxNodes = 256, prefillGroup = 1, onPoint } = options;
  if (!(target > 0 && target <= 1)) throw new RangeError(`goodput target is ${target}, expected above 0 and at most 1`);
  const fewest = coupled ? 1 : prefillGroup + 1;
  if (!Number.isSafeInteger(maxNodes) || maxNodes < fewest)
    throw new RangeError(`at most ${maxNodes} nodes, but the smallest cluster has ${fewest}`);
  const tried = new Map<string, PlanPoint>();

  async function measure(shape: Shape): Promise<PlanPoint> {
    const cluster = shape.coupled > 0 ? `${shape.coupled}M` : `${shape.prefill}P${shape.decode}D`;
    const known = tried.get(cluster);
    if (known) return known;
    const nodes = shape.prefill + shape.decode + shape.coupled;
    const point = { cluster, shape, nodes, ...(await evaluate(cluster)) };
    tried.set(cluster, point);
    onPoint?.(point);
    return point;
  }

  const frontier = new Map<number, PlanPoint>();
  /** The best split of a size. */
  async function best(nodes: number): Promise<PlanPoint> {
    const known = frontier.get(nodes);
    if (known) return known;
    const point = coupled ? await measure({ prefill: 0, decode: 0, coupled: nodes }) : await climb(nodes);
    frontier.set(nodes, point);
    return point;
  }

  async function climb(nodes: number): Promise<PlanPoint> {
    const most = Math.floor((nodes - 1) / prefillGroup);
    const at = (groups: number) =>
      measure({ prefill: groups * prefillGroup, decode: nodes - groups * prefillGroup, coupled: 0 });
    let groups = Math.min(most, Math.max(1, Math.round((prefillShare(nodes) * nodes) / prefillGroup)));
    let top = await at(groups);
    for (let step = Math.max(1, Math.round(most / 8)); step >= 1; step = Math.floor(step / 2)) {
      for (let moved = true; moved; ) {
        moved = false;
        // Towards what is missing first: it is mostly right, and a run is saved.
        const side = top.ttft <= top.tbt ? 1 : -1;
        for (const direction of [side, -side]) {
          const next = groups + direction * step;
          if (next < 1 || next > most || top.goodput >= target) continue;
          const point = await at(next);
          if (point.goodput <= top.goodput) continue;
          [top, groups, moved] = [point, next, true];
          break;
        }
      }
    }
    return top;
  }

  /** Of the nearest size that is known; a half at first. */
  function prefillShare(nodes: number): number {
    let nearest: PlanPoint | null = null;
    for (const point of frontier.values()) {
      if (nearest === null || Math.abs(point.nodes - nodes) < Math.abs(nearest.nodes - nodes)) nearest = point;
    }
    return nearest === null ? 0.5 : nearest.shape.prefill / nearest.nodes;
  }

  let low = fewest - 1;
  let size = fewest;
  let ended: Plan["ended"] = "found";
  let flat = 0;
  let last: PlanPoint | null = null;
  for (;;) {
    const point = await best(size);
    if (point.goodput >= target) break;
    flat = last !== null && !gains(last, point) ? flat + 1 : 0;
    last = point;
    low = size;
    if (flat >= 2 || size >= maxNodes) {
      ended = size >= maxNodes && flat < 2 ? "max-nodes" : "saturated";
      break;
    }
    size = Math.min(maxNodes, size * 2);
  }
  if (ended === "found") {
    while (size - low > 1) {
      const middle = (low + size) >> 1;
      if ((await best(middle)).goodput >= target) size = middle;
      else low = middle;
    }
  }
  let answer = ended === "found" ? await best(size) : null;
  if (answer && !coupled) {
    // The climb stops where the target is reached: what stands beside it may be better, and the reader sees how steep it is.
    const { prefill } = answer.shape;
    for (const groups of [-2, -1, 1, 2]) {
      const shape = {
        prefill: prefill + groups * prefillGroup,
        decode: size - prefill - groups * prefillGroup,
        coupled: 0,
      };
      if (shape.prefill < 1 || shape.decode < 1) continue;
      const point = await measure(shape);
      if (point.goodput > answer.goodput) answer = point;
    }
    frontier.set(size, answer);
  }
  return {
    target,
    answer,
    frontier: [...frontier.values()].sort((a, b) => a.nodes - b.nodes),
    tried: [...tried.values()],
    ended,
  };
}
