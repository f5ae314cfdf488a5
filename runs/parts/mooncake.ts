/** What the run files of runs/mooncake share: the trace, one calibration, capacity, and how results are written. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type ChartSpec, chartPicture, type Series } from "@baltoro/plot";
import {
  readTrace,
  type SimulationInput,
  type SimulationResult,
  simulate,
  speedUp,
  type Trace,
} from "@baltoro/serving";
import { textTable } from "../../bench/harness.ts";

/**
 * The one calibration of all experiments: the papers' LLaMA-70B on nodes of 8 × A800, Equation 1 at half of the peak, decode by
 * the memory's bandwidth (packages/serving/src/costs/calibration.ts). `--cost measured` and `--mfu` show what depends on it.
 */
export const calibration = { model: "llama3-70b", hardware: "a800" } as const;

const { values } = parseArgs({
  options: {
    trace: {
      type: "string",
      default: join(process.env["BALTORO_DATA"] ?? "../shared/data", "traces/conversation_trace.jsonl"),
    },
    out: { type: "string", default: "runs-out/mooncake" },
    cost: { type: "string", default: "equation-1" },
    mfu: { type: "string", default: "0.5" },
  },
});

export const conversation = (): Promise<Trace> => readTrace(values.trace);

/** Replays a trace under the calibration. */
export function replay(trace: Trace, input: SimulationInput): SimulationResult {
  const cost = values.cost as SimulationInput["cost"];
  return simulate(trace, { ...calibration, cost, mfu: Number(values.mfu), ...input }).result;
}

/** Share of requests that must be effective for a speed to count. */
const effectiveShare = 0.9;

/**
 * Effective request capacity: the highest speed, within 1%, at which at least 90% of the requests of a trace are effective. The
 * share falls with speed but for noise, so the answer is where it first falls below.
 *
 * @param share - Of effective requests at a speed.
 */
export function capacity(share: (speed: number) => number): number {
  let low = 0.1;
  if (share(low) < effectiveShare) return 0;
  let high = low;
  do {
    low = high;
    high *= 1.5;
  } while (share(high) >= effectiveShare);
  while (high / low > 1.01) {
    const middle = Math.sqrt(low * high);
    if (share(middle) >= effectiveShare) low = middle;
    else high = middle;
  }
  return low;
}

/** {@link capacity} of a cluster on a trace. */
export function clusterCapacity(trace: Trace, input: SimulationInput): number {
  return capacity((speed) => replay(speedUp(trace, speed), input).attainment.effective);
}

/** Prints a table and writes what was found: NAME.json, and a picture for each chart. */
export function writeResult(
  name: string,
  header: readonly string[],
  rows: readonly (readonly (string | number | null)[])[],
  charts: Readonly<Record<string, Omit<ChartSpec, "width" | "height">>> = {},
): void {
  const cell = (value: string | number | null) =>
    value === null
      ? "–"
      : typeof value === "number"
        ? value.toLocaleString("en", Number.isInteger(value) ? {} : { maximumSignificantDigits: 4 })
        : value;
  const table = textTable(
    header,
    rows.map((row) => row.map(cell)),
  );
  console.log(["", ...table, ""].join("\n"));
  mkdirSync(values.out, { recursive: true });
  const settings = { ...calibration, cost: values.cost, mfu: Number(values.mfu) };
  const records = rows.map((row) => Object.fromEntries(row.map((value, i) => [header[i], value])));
  writeFileSync(join(values.out, `${name}.json`), `${JSON.stringify({ settings, rows: records }, null, 1)}\n`);
  for (const [chart, spec] of Object.entries(charts)) {
    writeFileSync(join(values.out, `${chart}.svg`), chartPicture({ ...spec, width: 900, height: 420 }));
  }
}

const colors = ["var(--c1)", "var(--c2)", "var(--c3)", "var(--c4)", "var(--c5)", "var(--c6)"];

/** Curves by label, in the theme's colours. */
export function curves(lines: Readonly<Record<string, readonly (readonly [number, number])[]>>, dots = true): Series[] {
  return Object.entries(lines).map(([label, points], i) => ({
    label,
    points: points.map(([x, y]) => ({ x, y })),
    color: colors[i % colors.length],
    dots,
  }));
}

/** How much more than the other, as "+59%". */
export function gain(ours: number, other: number): string {
  if (other === 0) return "other none";
  const percent = Math.round(100 * (ours / other - 1));
  return `${percent < 0 ? "−" : "+"}${Math.abs(percent)}%`;
}

/** Coupled clusters as vLLM's, by what they have. */
export const coupledVariants = {
  coupled: {},
  "coupled, prefix caching": { prefixCaching: true },
  "coupled, chunked prefill": { chunkedPrefill: true },
  "coupled, both": { prefixCaching: true, chunkedPrefill: true },
  "coupled, both, cache-aware routing": { prefixCaching: true, chunkedPrefill: true, routing: "local-cache-aware" },
} as const;
