import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type EvaluationReport, evaluationFigures } from "@baltoro/clinic";
import { chartPicture } from "@baltoro/plot";

interface Saved {
  readonly real?: { readonly models: Readonly<Record<string, EvaluationReport>> };
  readonly synthetic?: {
    readonly judged: readonly {
      readonly name: string;
      readonly seed: number;
      readonly part: string;
      readonly report: EvaluationReport;
    }[];
  };
}

/** Reliability and risk by coverage of the models that matter, as pictures, from what `--out` kept. */
export function writePlots(figures: unknown, folder: string): string[] {
  const { real, synthetic } = figures as Saved;
  const chosen: [string, string, EvaluationReport][] = [];
  if (real) {
    chosen.push(["real-ngram", "real, n-grams", real.models["char n-gram logistic"]]);
    chosen.push(["real-pool", "real, pool", real.models.pool]);
  }
  for (const { name, seed, part, report } of synthetic?.judged ?? []) {
    if (name !== "network fusion" || seed !== 1) continue;
    chosen.push([`synthetic-${part}`, `SYNTHETIC ${part}, fusion network`, report]);
  }
  mkdirSync(folder, { recursive: true });
  return chosen.flatMap(([file, title, report]) =>
    evaluationFigures(report).map(({ heading, chart }) => {
      const path = join(folder, `${file}-${heading.toLowerCase().replaceAll(" ", "-")}.svg`);
      writeFileSync(path, chartPicture({ ...chart, title: `${heading}: ${title}`, width: 640, height: 380 }));
      return path;
    }),
  );
}
