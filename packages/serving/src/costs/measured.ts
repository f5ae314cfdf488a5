import { type EstimatorError, fitDecode, fitPrefill } from "../estimators/index.ts";
import { ConfigError } from "./config-error.ts";
import type { Hardware } from "./hardware.ts";
import { nodeLimits } from "./memory.ts";
import type { ModelShape } from "./models.ts";
import type { CostModel } from "./types.ts";

/** One row of a table of measurements. */
export interface Measurement {
  readonly promptTokens: number;
  readonly batch: number;
  /** Tokens that were generated after the prompt. */
  readonly outputTokens: number;
  readonly promptMs: number;
  /** Mean time of a decode step. */
  readonly tokenMs: number;
}

export type FitQuality = Pick<EstimatorError, "count" | "meanRelative" | "maxRelative">;

/** prefill ms = p₀ + p₁·n + p₂·n²; decode step ms = d₀ + d₁·batch + d₂·context. */
export interface MeasuredFit {
  readonly source: string;
  readonly prefill: readonly [number, number, number];
  readonly decode: readonly [number, number, number];
  readonly prefillError: FitQuality;
  readonly decodeError: FitQuality;
  /** Beyond these lengths it extrapolates. */
  readonly maxPromptTokens: number;
  readonly maxBatch: number;
  readonly maxContextTokens: number;
}

/**
 * Reads a CSV with the columns model, hardware, tensor_parallel, prompt_size, batch_size, token_size, prompt_time and token_time
 * (ms), as Mutinifni/splitwise-sim's data/perf_model.csv, and keeps the rows of one model on one kind of node.
 *
 * @throws Error naming the line of a value that is no number ≥ 0, or the column that is missing.
 */
export function parseMeasurements(
  csv: string,
  of: { readonly model: string; readonly hardware: string; readonly tensorParallel: number },
): Measurement[] {
  const [header, ...lines] = csv.split(/\r?\n/);
  const names = header.split(",").map((name) => name.trim());
  const column = (name: string) => {
    const index = names.indexOf(name);
    if (index < 0) throw new Error(`line 1: there is no column ${name}, only ${names.join(", ")}`);
    return index;
  };
  const [model, hardware, parallel] = ["model", "hardware", "tensor_parallel"].map(column);
  const fields = ["prompt_size", "batch_size", "token_size", "prompt_time", "token_time"] as const;
  const columns = fields.map(column);
  const kept: Measurement[] = [];
  for (const [i, line] of lines.entries()) {
    if (line.trim() === "") continue;
    const cells = line.split(",");
    if (cells[model] !== of.model || cells[hardware] !== of.hardware || Number(cells[parallel]) !== of.tensorParallel)
      continue;
    const values = columns.map((index, f) => {
      const value = Number(cells[index]);
      if (cells[index]?.trim() && Number.isFinite(value) && value >= 0) return value;
      throw new Error(`line ${i + 2}: ${fields[f]} is "${cells[index] ?? ""}", expected a number ≥ 0`);
    });
    const [promptTokens, batch, outputTokens, promptMs, tokenMs] = values;
    kept.push({ promptTokens, batch, outputTokens, promptMs, tokenMs });
  }
  return kept;
}

/**
 * Least squares of relative errors, by the conductor's own offline fits. Prompts of a batch are computed one after the other;
 * only rows of batch 1 say how a prefill depends on length.
 *
 * @throws RangeError where the measurements do not determine the coefficients.
 */
export function fitMeasurements(rows: readonly Measurement[], source: string): MeasuredFit {
  const single = rows.filter(({ batch }) => batch === 1);
  const context = (row: Measurement) => row.batch * (row.promptTokens + row.outputTokens / 2);
  const prefill = fitPrefill(
    single.map(({ promptTokens, promptMs }) => ({ inputTokens: promptTokens, prefixTokens: 0, ms: promptMs })),
  );
  const decode = fitDecode(rows.map((row) => ({ batch: row.batch, contextTokens: context(row), ms: row.tokenMs })));
  const quality = ({ count, meanRelative, maxRelative }: EstimatorError) => ({ count, meanRelative, maxRelative });
  return {
    source,
    prefill: prefill.coefficients as [number, number, number],
    decode: decode.coefficients as [number, number, number],
    prefillError: quality(prefill.error),
    decodeError: quality(decode.error),
    maxPromptTokens: prefill.measuredUpTo,
    maxBatch: Math.max(...rows.map(({ batch }) => batch)),
    maxContextTokens: decode.measuredUpTo,
  };
}

/** A cost model from a fit. A prefix saves its own prefill less the constant; a mixed step pays one constant, the larger. */
export function measuredCost(model: ModelShape, hardware: Hardware, measured: MeasuredFit): CostModel {
  const [p0, p1, p2] = measured.prefill;
  const [d0, d1, d2] = measured.decode;
  if (!(d2 > 0))
    throw new RangeError(
      `the fit of ${measured.source} says that a longer context makes decode faster (${d2} ms per token)`,
    );
  const percent = ({ meanRelative, maxRelative }: FitQuality) =>
    `mean error ${(100 * meanRelative).toFixed(1)}%, max ${(100 * maxRelative).toFixed(1)}%`;
  return {
    ...nodeLimits(model, hardware),
    name: "measured",
    version: "measured/1",
    notes: [
      `fit of ${measured.source}: prefill ${percent(measured.prefillError)}, decode ${percent(measured.decodeError)}`,
      `extrapolates beyond prompts of ${measured.maxPromptTokens} tokens, batches of ${measured.maxBatch} and ${measured.maxContextTokens} tokens of context per step`,
    ],
    contextMsPerToken: d2,
    stepMs(newTokens, prefixTokens, batch, contextTokens) {
      const total = newTokens + prefixTokens;
      const prefill = newTokens > 0 ? p1 * newTokens + p2 * (total * total - prefixTokens * prefixTokens) : 0;
      const constant = newTokens === 0 ? d0 : batch === 0 ? p0 : Math.max(p0, d0);
      return constant + prefill + d1 * batch + d2 * contextTokens;
    },
  };
}

/** @throws ConfigError where no measurements of this model and hardware come with the package. */
export function shippedFit(model: string, hardware: string): MeasuredFit {
  const fitted = shippedFits.find((fit) => fit.models.includes(model) && fit.hardware.includes(hardware));
  if (fitted) return fitted.fit;
  throw new ConfigError(
    "cost",
    `no measurements of ${model} on ${hardware} come with the package; there are ${shippedFits.map((fit) => `${fit.models.join("/")} on ${fit.hardware.join("/")}`).join(", ")}`,
  );
}

/** Of {@link fitMeasurements} on Mutinifni/splitwise-sim's data/perf_model.csv (MIT); costs-measured.test.ts makes them again. */
const shippedFits: readonly { models: readonly string[]; hardware: readonly string[]; fit: MeasuredFit }[] = [
  {
    models: ["llama2-70b", "llama3-70b"],
    hardware: ["a100", "a800"],
    fit: {
      source: "splitwise-sim's measurements of llama2-70b, tensor parallel over 8 × A100-80GB",
      prefill: [48.4523, 0.0837401, 1.29493e-5],
      decode: [44.1557, 0.20005, 3.09956e-4],
      prefillError: { count: 75, meanRelative: 0.0326, maxRelative: 0.0939 },
      decodeError: { count: 105, meanRelative: 0.0166, maxRelative: 0.0672 },
      maxPromptTokens: 8192,
      maxBatch: 64,
      maxContextTokens: 36864,
    },
  },
  {
    models: ["llama2-70b", "llama3-70b"],
    hardware: ["h100", "h800"],
    fit: {
      source: "splitwise-sim's measurements of llama2-70b, tensor parallel over 8 × H100-80GB",
      prefill: [43.029, 0.020907, 1.07409e-5],
      decode: [29.8002, 0.2016, 1.77761e-4],
      prefillError: { count: 75, meanRelative: 0.078, maxRelative: 0.2621 },
      decodeError: { count: 105, meanRelative: 0.0197, maxRelative: 0.0774 },
      maxPromptTokens: 8192,
      maxBatch: 64,
      maxContextTokens: 36864,
    },
  },
];
