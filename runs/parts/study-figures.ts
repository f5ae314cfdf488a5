import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ChartSpec, chartPicture, type Point, type Series, smooth } from "@baltoro/plot";
import { loadRunReport, type MetricsRecord, runDirectory } from "@baltoro/training";

/** Names of the runs, each a directory below the study's. */
export interface Study {
  /** `OPTIMIZER_RATE_SEED`. */
  readonly grid: readonly string[];
  readonly seeds: readonly string[];
  /** `tau_TAU`. */
  readonly clipRuns: readonly string[];
}

const colors = ["var(--c1)", "var(--c2)", "var(--c3)", "var(--c4)"];
const size = { width: 900, height: 440 };

/** Draws a study's figures as SVG and writes its numbers as summary.json. Runs that are missing are left out. */
export function drawStudy(out: string, figures: string, study: Study): void {
  mkdirSync(figures, { recursive: true });
  const records = new Map<string, readonly MetricsRecord[]>();
  for (const name of [...study.grid, ...study.seeds, ...study.clipRuns]) {
    const run = runDirectory(join(out, name));
    if (existsSync(run.metrics)) records.set(name, loadRunReport(run).records);
  }
  // A run that was stopped on the way says nothing of where it would have ended.
  const steps = Math.max(...[...records.values()].map((all) => all.at(-1)?.step ?? 0));
  for (const [name, all] of records) if (all.at(-1)?.step !== steps) records.delete(name);
  const write = (name: string, spec: Omit<ChartSpec, "width" | "height">) =>
    writeFileSync(join(figures, `${name}.svg`), chartPicture({ ...spec, ...size }));
  const found = (names: readonly string[]) => names.filter((name) => records.has(name));
  const finals = Object.fromEntries(found([...study.grid, ...study.seeds]).map((name) => [name, finalLoss(get(name))]));
  const best = bestRuns(found([...study.grid, ...study.seeds]), finals);
  function get(name: string): readonly MetricsRecord[] {
    return records.get(name) as readonly MetricsRecord[];
  }

  write("learning-rates", {
    title: "Validation loss by learning rate, seed 1",
    alt: "Final validation loss over the learning rate, one curve for each optimizer",
    xLabel: "learning rate × 1000",
    yLabel: "nats per token",
    series: ["muonclip", "adamw"].map((optimizer, i) => ({
      label: optimizer,
      color: colors[i],
      dots: true,
      points: found(study.grid)
        .filter((name) => name.startsWith(optimizer))
        .map((name): Point => ({ x: 1000 * Number(name.split("_")[1]), y: finals[name] })),
    })),
  });
  write("best", {
    title: "The best learning rate of each, all seeds",
    alt: "Validation loss over the tokens seen: MuonClip and AdamW, three seeds each",
    xLabel: "tokens (millions)",
    yLabel: "nats per token",
    yDomain: [null, 5],
    endLabels: true,
    series: Object.entries(best).flatMap(([optimizer, names], i) =>
      names.map(
        (name, at): Series => ({
          label: `${optimizer}, ${name.split("_")[1]}`,
          color: colors[i],
          quiet: at > 0,
          opacity: at > 0 ? 0.5 : 1,
          points: validation(get(name)),
        }),
      ),
    ),
  });
  const clip = found(study.clipRuns);
  const label = (name: string) => (name === "tau_0" ? "vanilla Muon" : `MuonClip, τ = ${name.slice(4)}`);
  const overlay = (pick: (record: MetricsRecord) => number | null | undefined, width = 1) =>
    clip.map(
      (name, i): Series => ({
        label: label(name),
        color: colors[i],
        points: smooth(
          get(name).flatMap((record): Point[] => {
            const value = pick(record);
            return record.step > 0 && typeof value === "number" ? [{ x: record.step, y: value }] : [];
          }),
          width,
        ),
      }),
    );
  write("logits", {
    title: "Largest attention logit of any head",
    alt: "Largest attention logit over the steps for vanilla Muon and MuonClip",
    xLabel: "step",
    yLabel: "logit (logarithmic)",
    yScale: "log",
    series: overlay(({ maxLogits }) => maxLogits && Math.max(1, ...maxLogits.map((value) => value ?? 0))),
  });
  write("clipped", {
    title: "Share of heads that QK-Clip scales",
    alt: "Share of heads above the threshold over the steps",
    xLabel: "step",
    yLabel: "%",
    series: overlay(({ clippedHeads }) => (clippedHeads !== undefined && 100 * clippedHeads) || 0, 20),
  });
  write("clip-loss", {
    title: "Training loss with and without QK-Clip",
    alt: "Training losses of vanilla Muon and MuonClip over one another",
    xLabel: "step",
    yLabel: "nats per token",
    yDomain: [null, 6],
    series: overlay(({ loss }) => loss, 25),
  });
  const summary = {
    finals,
    best,
    ...tokensToEqualLoss(best, get),
    clip: Object.fromEntries(clip.map((name) => [name, clipSummary(get(name))])),
  };
  writeFileSync(join(figures, "summary.json"), `${JSON.stringify(summary, null, 2)}\n`);
  console.log(JSON.stringify(summary, null, 2));
}

function validation(records: readonly MetricsRecord[]): Point[] {
  return records.flatMap(({ tokens, valLoss }): Point[] =>
    tokens && valLoss ? [{ x: tokens / 1e6, y: valLoss }] : [],
  );
}

function finalLoss(records: readonly MetricsRecord[]): number {
  return records.findLast(({ valLoss }) => valLoss != null)?.valLoss ?? Number.NaN;
}

/** All seeds of each optimizer's best learning rate at seed 1. */
function bestRuns(names: readonly string[], finals: Readonly<Record<string, number>>): Record<string, string[]> {
  return Object.fromEntries(
    ["muonclip", "adamw"].map((optimizer) => {
      const own = names.filter((name) => name.startsWith(optimizer));
      const [first] = own.filter((name) => name.endsWith("_1")).sort((a, b) => finals[a] - finals[b]);
      const rate = first?.split("_")[1];
      return [optimizer, [...new Set(own.filter((name) => name.split("_")[1] === rate))]];
    }),
  );
}

/** Where the mean curve of MuonClip's seeds reaches AdamW's final mean, as a share of the tokens that AdamW took. */
function tokensToEqualLoss(
  best: Readonly<Record<string, readonly string[]>>,
  get: (name: string) => readonly MetricsRecord[],
) {
  const curves = Object.values(best).map((names) => {
    const each = names.map((name) => validation(get(name)));
    return (each[0] ?? []).map(({ x }, i): Point => {
      const y = each.reduce((sum, curve) => sum + (curve[i]?.y ?? Number.NaN), 0) / each.length;
      return { x, y };
    });
  });
  const [muon, adamw] = curves;
  if (!muon?.length || !adamw?.length) return {};
  const end = adamw[adamw.length - 1];
  const finalMeans = curves.map((curve) => curve.at(-1)?.y);
  const lossAt = (point: Point) => point.y ?? Number.NaN;
  const at = muon.findIndex((point) => lossAt(point) <= lossAt(end));
  if (at < 1) return { finalMeans, tokensToEqualLoss: null };
  const [before, after] = [muon[at - 1], muon[at]];
  const share = (lossAt(before) - lossAt(end)) / (lossAt(before) - lossAt(after));
  const reached = before.x + share * (after.x - before.x);
  return { finalMeans, tokensToEqualLoss: reached / end.x };
}

function clipSummary(records: readonly MetricsRecord[]) {
  const largest = records.flatMap(({ maxLogits }) => (maxLogits ?? []).map((value) => value ?? 0));
  const fired = new Set<string>();
  for (const { headLogits } of records) {
    for (const [layer, row] of (headLogits ?? []).entries())
      for (const [head, value] of row.entries()) if ((value ?? 0) > 100) fired.add(`${layer}.${head}`);
  }
  return {
    largestLogit: Math.max(...largest),
    headsAbove100: fired.size,
    stepsWithClipping: records.filter(({ clippedHeads }) => (clippedHeads ?? 0) > 0).length,
    finalLoss: finalLoss(records),
  };
}
